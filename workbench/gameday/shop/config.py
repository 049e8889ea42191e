"""Where everything of one running shop lives: folder, ports, addresses."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["HOST", "INFRASTRUCTURE", "SERVICES", "VERSIONS", "ShopConfig", "free_ports"]

HOST = "127.0.0.1"

VERSIONS = {
    "catalog": "3.8.1",
    "cart": "1.12.0",
    "payments": "5.2.3",
    "inventory": "2.6.4",
    "orders": "2.3.0",
    "fulfilment": "1.4.2",
    "recommendations": "4.1.0",
    "checkout": "2.9.5",
    "storefront": "6.0.2",
}
SERVICES = tuple(VERSIONS)
INFRASTRUCTURE = (
    "edge",
    "edge-exporter",
    "postgres-exporter",
    "redis-exporter",
    "machine-exporter",
    "receiver",
    "postgresql",
    "redis",
    "prometheus",
    "alertmanager",
)


@dataclass(frozen=True)
class ShopConfig:
    """Folder and ports of one running shop.

    Parameters
    ----------
    folder
        Work folder; removed with the shop.
    ports
        Port by process name, all on loopback.
    """

    folder: str
    ports: dict[str, int]

    @classmethod
    def fresh(cls, folder: Path) -> ShopConfig:
        """Choose free ports for every process."""
        names = (*SERVICES, *INFRASTRUCTURE)
        return cls(str(folder), dict(zip(names, free_ports(len(names)), strict=True)))

    @classmethod
    def load(cls, path: Path) -> ShopConfig:
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text()))

    def save(self) -> Path:
        """Write ``shop.json`` into the folder and return its path."""
        path = self.path("shop.json")
        path.write_text(json.dumps(asdict(self), indent=1))
        return path

    def path(self, *parts: str) -> Path:
        """Path inside the folder."""
        return Path(self.folder, *parts)

    def url(self, name: str) -> str:
        """Address of one process, without a path."""
        return f"http://{HOST}:{self.ports[name]}"

    @property
    def database(self) -> str:
        """Connection string of the shop's database."""
        return f"host={HOST} port={self.ports['postgresql']} user=shop dbname=shop"


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
