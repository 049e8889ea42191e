"""Spark in local mode and ClickHouse in process, as Ibis connections."""

from __future__ import annotations

import contextlib
import gc
import os
import warnings
from typing import TYPE_CHECKING

import ibis

from parts import require_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibis.backends import BaseBackend


@contextlib.contextmanager
def spark() -> Iterator[BaseBackend]:
    """Spark's local mode: a session in UTC, on loopback, without its web page."""
    require_program("java")
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from pyspark.sql import SparkSession

    settings = {
        "spark.sql.session.timeZone": "UTC",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2",
    }
    builder = SparkSession.builder.master("local[2]").appName("workbench")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    try:
        yield ibis.pyspark.connect(session)
    finally:
        session.stop()
        with warnings.catch_warnings():  # PySpark leaves the sockets of its answers to this
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def clickhouse() -> BaseBackend:
    """ClickHouse's engine in this process; one a process."""
    import clickhouse_connect

    return ibis.clickhouse.from_connection(clickhouse_connect.get_client(interface="chdb"))
