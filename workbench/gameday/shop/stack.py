"""The whole shop: started in order, deployed into, stopped with nothing left behind."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from workbench.gameday.programs import program, require_all
from workbench.gameday.shop import database, monitoring
from workbench.gameday.shop.config import HOST, SERVICES, VERSIONS, ShopConfig
from workbench.gameday.shop.edge import write_nginx_conf
from workbench.gameday.shop.serve import ready_file
from workbench.gameday.supervise import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.gameday.shop.load import Surge

__all__ = ["Shop", "running_shop"]

_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "NO_PROXY": "*"}


class Shop:
    """A running shop and what a game day may do to it."""

    def __init__(self, config: ShopConfig, supervisor: Supervisor) -> None:
        self.config = config
        self.supervisor = supervisor
        self.versions = dict(VERSIONS)
        self.settings = config.save()

    def start(self) -> float:
        """Start everything, callees first; return the seconds it took."""
        began = time.monotonic()
        self._start_module("receiver")
        self._start_stores()
        for name in SERVICES:
            self._start_service(name, name)
        for name in SERVICES:
            self._wait_for_service(name)
        self._start_module("edge_exporter")
        self._start_module("exporter")
        self._start_edge()
        monitoring.start(self.config, self.supervisor)
        self._wait_for_url("prometheus", "/-/ready")
        self._wait_for_url("alertmanager", "/-/ready")
        return time.monotonic() - began

    def send_load(self, seconds: int, *, seed: int, surge: Surge | None = None) -> int:
        """Start the load generator for some seconds; return its pid."""
        options = [f"--seconds={seconds}", f"--seed={seed}"]
        if surge is not None:
            plan = [surge.start_s, surge.seconds, surge.requests_per_s]
            options.append(f"--surge={json.dumps(plan)}")
        return self._start_module("load", *options)

    def deploy(self, service: str, version: str, *, kind: str = "deploy") -> dict[str, Any]:
        """Roll a service to another version and record the change event.

        The new process listens on the same port before the old one is told to finish what
        it has begun.
        """
        began = time.time()
        before, self.versions[service] = self.versions[service], version
        ready_file(self.config, service, version).unlink(missing_ok=True)
        newcomer = f"{service}-next"
        self._start_service(service, newcomer)
        self._wait_for_service(service)
        self.supervisor.replace(service, newcomer)
        change = {
            "ts": began,
            "end_ts": time.time(),
            "kind": kind,
            "service": service,
            "ref": f"{service}@{version}",
            "version": version,
            "previous": before,
            "actor": "release-pipeline" if kind == "deploy" else "on-call",
        }
        with self.config.path("changes.ndjson").open("a") as log:
            log.write(json.dumps(change) + "\n")
        return change

    def control(self, service: str, switch: str, settings: Mapping[str, float]) -> dict[str, Any]:
        """Turn one of the game day's switches in a service."""
        url = f"{self.config.url(service)}/-/{switch}"
        answer = httpx.post(url, json=dict(settings), timeout=5.0, trust_env=False)
        result: dict[str, Any] = answer.raise_for_status().json()
        return result

    def _start_stores(self) -> None:
        port = str(self.config.ports["redis"])
        options = ["--bind", HOST, "--save", "", "--appendonly", "no", "--dir", self.config.folder]
        self.supervisor.start("redis", [program("redis-server"), "--port", port, *options])
        database.start(self.config, self.supervisor)
        self.supervisor.wait_until(lambda: database.answers(self.config), "PostgreSQL")
        database.create_tables(self.config)
        self._wait_for_url("receiver", "/health")

    def _start_edge(self) -> None:
        conf = write_nginx_conf(self.config)
        error_log = str(self.config.path("edge-error.log"))
        self.supervisor.start("edge", [program("nginx"), "-c", str(conf), "-e", error_log])
        self._wait_for_url("edge", "/nothing")

    def _start_module(self, module: str, *options: str) -> int:
        command = [sys.executable, "-m", f"workbench.gameday.shop.{module}", str(self.settings)]
        return self.supervisor.start(module, [*command, *options], env=_ENVIRONMENT)

    def _start_service(self, service: str, process: str) -> int:
        module = "workbench.gameday.shop.serve"
        version = self.versions[service]
        command = [sys.executable, "-m", module, service, version, str(self.settings)]
        return self.supervisor.start(process, command, env=_ENVIRONMENT)

    def _wait_for_service(self, service: str) -> float:
        ready = ready_file(self.config, service, self.versions[service])
        return self.supervisor.wait_until(ready.exists, service)

    def _wait_for_url(self, name: str, path: str) -> float:
        def answers() -> bool:
            try:
                httpx.get(self.config.url(name) + path, timeout=1.0, trust_env=False)
            except httpx.TransportError:
                return False
            return True

        return self.supervisor.wait_until(answers, name)


@contextmanager
def running_shop() -> Iterator[Shop]:
    """Start a shop in a temporary folder; stop it and remove the folder at the end.

    Raises
    ------
    MissingPart
        If a program is not installed; nothing has been started then.
    """
    require_all()
    folder = Path(tempfile.mkdtemp(prefix="workbench-shop-"))
    # PostgreSQL's and nginx's own users must reach their subfolders.
    folder.chmod(0o711)
    try:
        with Supervisor(folder / "output") as supervisor:
            shop = Shop(ShopConfig.fresh(folder), supervisor)
            shop.start()
            yield shop
    finally:
        shutil.rmtree(folder, ignore_errors=True)
