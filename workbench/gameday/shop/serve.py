"""Runs one of the shop's Python services: ``python -m workbench.gameday.shop.serve``."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from pathlib import Path

import uvicorn

from workbench.gameday.shop.config import HOST, ShopConfig
from workbench.gameday.shop.telemetry import telemetry
from workbench.gameday.shop.web import Service

__all__ = ["main", "ready_file"]


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM.

    Parameters
    ----------
    arguments
        Service name, version, path of ``shop.json``.
    """
    name, version, path = arguments or sys.argv[1:]
    config = ShopConfig.load(Path(path))
    service = Service(name, version, config, telemetry(name, config, version=version))
    importlib.import_module(f"workbench.gameday.shop.services.{name}").build(service)
    settings = uvicorn.Config(
        service.app(),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=6,
        backlog=256,
    )
    _Server(settings, ready_file(config, name, version)).run([_listener(config.ports[name])])
    return 0


def ready_file(config: ShopConfig, name: str, version: str) -> Path:
    """File that appears once this version of a service accepts requests."""
    return config.path(f"{name}-{version}.ready")


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Path) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.write_text(str(os.getpid()))


def _listener(port: int) -> socket.socket:
    # Two versions may listen at once: that is how a rolling deploy loses no request.
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((HOST, port))
    return listener


if __name__ == "__main__":
    raise SystemExit(main())
