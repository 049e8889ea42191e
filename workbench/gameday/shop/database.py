"""A throw-away PostgreSQL server with the shop's tables."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import psycopg

from workbench.gameday.programs import program
from workbench.gameday.shop.config import HOST
from workbench.gameday.shop.services.catalog import SKUS

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.gameday.shop.config import ShopConfig
    from workbench.gameday.supervise import Supervisor

__all__ = ["answers", "create_tables", "start"]

_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "log_lock_waits": "on",
    "deadlock_timeout": "300ms",
    "log_line_prefix": "%m [%p] %a ",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "lc_messages": "C",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "listen_addresses": HOST,
    "unix_socket_directories": "",
}

_TABLES = """
CREATE TABLE stock (sku text PRIMARY KEY, available int NOT NULL, reserved int NOT NULL);
CREATE TABLE item_totals (sku text PRIMARY KEY, ordered bigint NOT NULL);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer text NOT NULL, skus text[] NOT NULL,
    placed timestamptz NOT NULL DEFAULT now(), shipped timestamptz
);
"""


def start(config: ShopConfig, supervisor: Supervisor) -> Path:
    """Initialise a data folder, start the server on it, return the folder."""
    data = config.path("postgresql")
    data.mkdir()
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(data, user, user)
    options = ("-U", "shop", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
    subprocess.run(
        [program("initdb"), "-D", str(data), *options],
        check=True,
        capture_output=True,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd=data,
    )
    settings = [part for pair in _SETTINGS.items() for part in ("-c", "=".join(pair))]
    port = str(config.ports["postgresql"])
    command = [program("postgres"), "-D", str(data), "-p", port, *settings]
    supervisor.start("postgresql", command, user=user, stop_signal=signal.SIGINT)
    return data


def answers(config: ShopConfig) -> bool:
    """Tell whether the server takes connections."""
    try:
        dsn = config.database.replace("dbname=shop", "dbname=postgres")
        psycopg.connect(dsn, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def create_tables(config: ShopConfig) -> int:
    """Create the database, the tables and one row an item; return the items."""
    admin = config.database.replace("dbname=shop", "dbname=postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop")
        connection.execute("ALTER DATABASE shop SET lock_timeout = '5s'")
    with psycopg.connect(config.database) as connection:
        connection.execute(_TABLES)
        for sku in SKUS:
            connection.execute("INSERT INTO stock VALUES (%s, 1000000, 0)", (sku,))
            connection.execute("INSERT INTO item_totals VALUES (%s, 0)", (sku,))
    return len(SKUS)
