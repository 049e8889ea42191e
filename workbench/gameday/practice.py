"""A few real systems to collect from: Prometheus, Alertmanager and OTLP, with an incident in them.

Two services answer scrapes from this process. After a quiet time one becomes slow, as after a
deploy, and the other's scrape breaks: an alert fires, and a collection has a gap to show.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.connectors.sources.otlp.receiver import Receiver
from workbench.errors import WorkbenchError
from workbench.gameday.programs import program
from workbench.gameday.supervise import Supervisor

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Practice"]

_QUIET_S, _SLOW_S = 0.05, 0.45
_BOUNDS = (0.1, 0.3, 1.0)
_RULES = """
groups:
- name: practice
  interval: 1s
  rules:
  - alert: SlowRequests
    expr: >-
      rate(http_server_request_duration_seconds_sum[5s])
      > 0.2 * rate(http_server_request_duration_seconds_count[5s])
    labels: {severity: critical}
"""
_PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 900ms, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{alertmanager}"]}}]}}]}}
scrape_configs:
- job_name: cart
  static_configs: [{{targets: ["{cart}"], labels: {{service: cart}}}}]
- job_name: pay
  static_configs: [{{targets: ["{pay}"], labels: {{service: pay}}}}]
"""
_ALERTMANAGER = "route: {receiver: none}\nreceivers: [{name: none}]\n"
_SOURCES = """
masking_key: masking.key
cache: cache
openslo: [slo.yaml]
sources:
  prometheus: {{kind: prometheus, url: "{prometheus}", templates: [http], step_s: 1}}
  alertmanager: {{kind: alertmanager, url: "{alertmanager}"}}
  otlp: {{kind: otlp, files: otlp}}
  deploys: {{kind: deploys, files: deploys.csv}}
"""
_SLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: cart-latency}
spec:
  service: cart
  indicator: {spec: {thresholdMetric: {}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99, value: 0.3, op: lte}]
"""


@dataclass
class Practice:
    """Systems that run until `stop`; each process is ended by its id.

    Parameters
    ----------
    folder
        Where everything is kept, ``sources.yaml`` among it.
    """

    folder: Path
    began: pd.Timestamp | None = None
    broke: pd.Timestamp | None = None
    _services: dict[str, _Service] = field(default_factory=dict)
    _supervisor: Supervisor | None = None
    _receiver: Receiver | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Practice:
        """Start everything and wait until it answers.

        Raises
        ------
        MissingPart
            Prometheus or Alertmanager is not installed.
        """
        self.folder = Path(self.folder).absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._receiver = Receiver(self.folder / "otlp")
        threading.Thread(target=self._receiver.serve_forever, args=(0.1,), daemon=True).start()
        self._services = {name: _Service(name) for name in ("cart", "pay")}
        self._supervisor = Supervisor(self.folder / "logs")
        prometheus, alertmanager = (f"127.0.0.1:{_free_port()}" for _ in range(2))
        self._write(prometheus, alertmanager)
        self._run(prometheus, alertmanager)
        threading.Thread(target=self._traffic, daemon=True).start()
        self.began = pd.Timestamp.now("UTC")
        return self

    def incident(self) -> pd.Timestamp:
        """Deploy what makes one service slow, break the other's scrape, and say when."""
        self.broke = pd.Timestamp.now("UTC").ceil("s")
        line = f"{self.broke.isoformat()},cart,2.4.0,practice\n"
        (self.folder / "deploys.csv").write_text(f"ts,service,version,actor\n{line}")
        self._services["cart"].seconds = _SLOW_S
        self._services["pay"].broken = True
        return self.broke

    @property
    def sources(self) -> Path:
        """The ``sources.yaml`` of these systems."""
        return self.folder / "sources.yaml"

    def stop(self) -> Practice:
        """End every process and thread; what was recorded stays in the folder."""
        self._stopped.set()
        if self._supervisor is not None:
            self._supervisor.stop_all()
        servers = [self._receiver, *(one.server for one in self._services.values())]
        for server in servers:
            if server is not None:
                server.shutdown()
                server.server_close()
        self._supervisor, self._receiver, self._services = None, None, {}
        return self

    def __enter__(self) -> Practice:
        """Start."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, whatever happened inside."""
        self.stop()

    def _write(self, prometheus: str, alertmanager: str) -> None:
        scraped = {name: one.address for name, one in self._services.items()}
        files = {
            "prometheus.yml": _PROMETHEUS.format(alertmanager=alertmanager, **scraped),
            "rules.yml": _RULES,
            "alertmanager.yml": _ALERTMANAGER,
            "slo.yaml": _SLO,
            "sources.yaml": _SOURCES.format(
                prometheus=f"http://{prometheus}", alertmanager=f"http://{alertmanager}"
            ),
            "deploys.csv": "ts,service,version,actor\n",
        }
        for name, text in files.items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def _run(self, prometheus: str, alertmanager: str) -> None:
        supervisor, at = self._supervisor, str(self.folder)
        if supervisor is None:
            fact = "Not started"
            raise WorkbenchError(fact)
        supervisor.start(
            "alertmanager",
            [
                program("prometheus-alertmanager"),
                f"--config.file={at}/alertmanager.yml",
                f"--storage.path={at}/alertmanager",
                f"--web.listen-address={alertmanager}",
                "--cluster.listen-address=",
            ],
        )
        supervisor.start(
            "prometheus",
            [
                program("prometheus"),
                f"--config.file={at}/prometheus.yml",
                f"--storage.tsdb.path={at}/prometheus",
                f"--web.listen-address={prometheus}",
                "--log.level=error",
            ],
        )
        for address in (alertmanager, prometheus):
            supervisor.wait_until(partial(_answers, address), address)

    def _traffic(self) -> None:
        """Serve ten requests a second: counted by the services, one trace in ten is sent."""
        count = 0
        while not self._stopped.wait(0.1):
            for one in list(self._services.values()):
                one.serve_one()
            count += 1
            receiver, cart = self._receiver, self._services.get("cart")
            if count % 10 == 0 and receiver is not None and cart is not None:
                receiver.keep("traces", _trace(cart.seconds))


class _Service:
    """One service: counts its requests and answers scrapes."""

    def __init__(self, name: str) -> None:
        self.name, self.seconds, self.broken = name, _QUIET_S, False
        self.count, self.sum = 0, 0.0
        self.buckets = dict.fromkeys((*_BOUNDS, float("inf")), 0)
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = b"" if service.broken else service.exposed().encode()
                self.send_response(503 if service.broken else 200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: ANN401
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def serve_one(self) -> None:
        took = self.seconds * (0.8 + 0.4 * (self.count % 7) / 6)
        self.count += 1
        self.sum += took
        for bound in self.buckets:
            self.buckets[bound] += took <= bound

    def exposed(self) -> str:
        name = "http_server_request_duration_seconds"
        lines = [f"# TYPE {name} histogram"]
        for bound, count in self.buckets.items():
            le = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(f'{name}_bucket{{le="{le}"}} {count}')
        return "\n".join([*lines, f"{name}_sum {self.sum:.6f}", f"{name}_count {self.count}", ""])


def _trace(seconds: float) -> dict[str, Any]:
    """One request of ``edge`` to ``cart`` as an export request of OTLP."""
    end, trace = time.time_ns(), secrets.token_hex(16)
    ids = [secrets.token_hex(8) for _ in range(2)]
    groups = []
    for n, (service, kind, length) in enumerate(
        (("edge", 3, seconds + 0.01), ("cart", 2, seconds))
    ):
        span = {
            "traceId": trace,
            "spanId": ids[n],
            "parentSpanId": ids[0] if n else "",
            "name": "GET /cart",
            "kind": kind,
            "startTimeUnixNano": str(end - int(length * 1e9)),
            "endTimeUnixNano": str(end),
            "status": {},
        }
        attributes = [{"key": "service.name", "value": {"stringValue": service}}]
        groups.append({"resource": {"attributes": attributes}, "scopeSpans": [{"spans": [span]}]})
    plain: dict[str, Any] = json.loads(json.dumps({"resourceSpans": groups}))
    return plain


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(address: str) -> bool:
    try:
        ready = f"http://{address}/-/ready"
        with urllib.request.urlopen(ready, timeout=2) as answer:  # nosec B310 - loopback
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False
