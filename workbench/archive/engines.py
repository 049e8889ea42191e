"""DuckDB, Spark and ClickHouse through Ibis: where they differ, made the same.

Every engine hands out a bundle's table with the columns of its schema and ``bundle``. Times
are whole nanoseconds since 1970, so that no engine's time zone, resolution or truncation
plays a part; numbers are float64 and everything else is text.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import ibis
import ibis.expr.datatypes as dt
import sqlglot.expressions as sge

from workbench.errors import BadInput
from workbench.tables import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from ibis.backends import BaseBackend
    from ibis.expr.types import BooleanValue, Column, StringColumn, Table

    from workbench.times import TimeRange

__all__ = ["ENGINES", "Engine", "embedded"]

ENGINES = ("duckdb", "pyspark", "clickhouse")
"""Names of the Ibis backends that the archive's queries run on."""

_PLAIN = {
    "time": "int64",
    "number": "float64",
    "word": "string",
    "text": "string",
    "json": "string",
}
_SPARK = {"time": "bigint", "number": "double"}
_CLICKHOUSE = {"time": "Nullable(DateTime64(9, 'UTC'))", "number": "Nullable(Float64)"}


def _builtin(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function that the engine has and Ibis does not know; its body is never run."""
    declare: Callable[[Callable[..., Any]], Callable[..., Any]] = ibis.udf.scalar.builtin(name=name)
    return declare


@_builtin("epoch_ns")
def _epoch_ns(t) -> dt.int64:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Nanoseconds since 1970 in DuckDB; Ibis does not know its type of such times."""


@_builtin("toUnixTimestamp64Nano")
def _unix_nano(t) -> dt.int64:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Nanoseconds since 1970 in ClickHouse."""


@_builtin("toInt64")
def _to_int64(digits: dt.string) -> dt.int64:
    """Whole number in ClickHouse, which takes a large literal for an unsigned one."""


@_builtin("fromUnixTimestamp64Nano")
def _of_nano(nanoseconds: dt.int64) -> dt.timestamp:
    """Time in ClickHouse, of nanoseconds since 1970."""


@_builtin("unix_micros")
def _unix_micros(t) -> dt.int64:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Microseconds since 1970 in Spark, whatever the session's zone."""


@_builtin("toJSONString")
def _to_json_string(t) -> dt.string:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """JSON text in ClickHouse."""


@_builtin("to_json")
def _to_json(t) -> dt.string:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """JSON text in DuckDB and Spark."""


@_builtin("lowerUTF8")
def _lower_utf8(text: dt.string) -> dt.string:
    """Lower case beyond ASCII in ClickHouse, whose ``lower`` knows ASCII alone."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One connection, with what its engine does otherwise than the others.

    Parameters
    ----------
    con
        An Ibis connection to DuckDB, Spark or ClickHouse.

    Raises
    ------
    BadInput
        Another engine.
    """

    con: BaseBackend

    def __post_init__(self) -> None:
        if getattr(self.con, "name", None) not in ENGINES:
            hint = f"An Ibis connection to one of {', '.join(ENGINES)}"
            raise BadInput(
                fact="Not an engine the archive knows", value=type(self.con).__name__, hint=hint
            )

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What this engine raises when it cannot read or answer."""
        if self.con.name == "duckdb":
            import duckdb

            return (duckdb.Error,)
        if self.con.name == "pyspark":
            from py4j.protocol import Py4JError
            from pyspark.errors import PySparkException

            return (PySparkException, Py4JError)
        from clickhouse_connect.driver.exceptions import ClickHouseError

        return (ClickHouseError,)

    def read(self, table: str, files: Sequence[Path]) -> Table:
        """Read one table of many bundles, missing columns as nulls.

        Parameters
        ----------
        table
            Name of the table.
        files
            Its Parquet file in each bundle; the engine must see them under the same paths.
        """
        kinds = SCHEMAS[table].kinds
        raw = getattr(self, f"_read_{self.con.name}")([str(path) for path in files], kinds)
        return raw.select(bundle=raw["bundle"], **self.plain(raw, kinds))

    def plain(self, raw: Table, kinds: Mapping[str, str]) -> dict[str, Column]:
        """Columns of any table as plain types, missing ones as nulls.

        Parameters
        ----------
        raw
            The table as the engine has it.
        kinds
            Column name to kind, as `workbench.tables.Schema.kinds`.
        """
        return {name: self._plain(raw, name, kind) for name, kind in kinds.items()}

    def nanoseconds(self, time: Column) -> Column:
        """Whole nanoseconds since 1970 of a time, at the engine's own resolution."""
        if time.type().is_integer():
            return time.cast("int64")
        if self.con.name == "duckdb":
            return _epoch_ns(time)
        if self.con.name == "pyspark":
            return _unix_micros(time) * 1000
        return _unix_nano(time.cast(dt.Timestamp(timezone="UTC", scale=9)))

    def within(self, time: Column, when: TimeRange) -> list[BooleanValue]:
        """Conditions for a time in a half-open range, such that an index on it is of use."""
        start, end = when.start.value, when.end.value
        if self.con.name == "clickhouse" and time.type().is_timestamp():
            ends = (_of_nano(_to_int64(ibis.literal(str(at)))) for at in (start, end))
            return [time >= next(ends), time < next(ends)]
        stamp = self.nanoseconds(time)
        return [stamp >= start, stamp < end]

    def files(self, paths: Sequence[Path]) -> Table | None:
        """Open Parquet files of whatever columns as one table, None if there are none."""
        names = [str(path) for path in paths]
        if not names:
            return None
        if self.con.name == "duckdb":
            return self.con.read_parquet(names, union_by_name=True, hive_partitioning=False)
        from pyspark.sql import SparkSession

        session = SparkSession.active()
        session.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
        view = ibis.util.gen_name("workbench")
        session.read.option("mergeSchema", "true").parquet(*names).createOrReplaceTempView(view)
        return self.con.table(view)

    def json_text(self, mapping: Column) -> StringColumn:
        """Write a map or an array as JSON text."""
        if mapping.type().is_string():
            return mapping
        return (_to_json_string if self.con.name == "clickhouse" else _to_json)(mapping)

    def folded(self, text: StringColumn) -> StringColumn:
        """Lower case, so that searching does not depend on it."""
        return _lower_utf8(text) if self.con.name == "clickhouse" else text.lower()

    def frame(self, asked: Table) -> pd.DataFrame:
        """Run a query; its rows as a frame."""
        if self.con.name == "pyspark":  # its way to pandas warns of the pandas it finds
            found: pd.DataFrame = self.con.raw_sql(self.con.compile(asked)).toArrow().to_pandas()
            if "bundle" in found:  # from an address
                found["bundle"] = found["bundle"].map(unquote)
            return found
        return self.con.to_pyarrow(asked).to_pandas()

    def _plain(self, raw: Table, name: str, kind: str) -> Column:
        if name not in raw.columns:
            return ibis.null(_PLAIN[kind])
        return self.nanoseconds(raw[name]) if kind == "time" else raw[name].cast(_PLAIN[kind])

    def _read_duckdb(self, files: list[str], kinds: dict[str, str]) -> Table:
        raw = self.con.read_parquet(
            files, union_by_name=True, filename=True, hive_partitioning=False
        )
        return raw.mutate(bundle=_folder_of(raw["filename"]))

    def _read_pyspark(self, files: list[str], kinds: dict[str, str]) -> Table:
        from pyspark.sql import SparkSession

        session = SparkSession.active()
        session.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
        columns = ", ".join(
            f"`{name}` {_SPARK.get(kind, 'string')}" for name, kind in kinds.items()
        )
        found = session.read.schema(columns).parquet(*files)
        view = ibis.util.gen_name("workbench")
        found.select("*", "_metadata.file_path").createOrReplaceTempView(view)
        raw = self.con.table(view)
        return raw.mutate(bundle=_folder_of(raw["file_path"]))

    def _read_clickhouse(self, files: list[str], kinds: dict[str, str]) -> Table:
        types = {name: _CLICKHOUSE.get(kind, "Nullable(String)") for name, kind in kinds.items()}
        columns = ", ".join(f"`{name}` {kind}" for name, kind in types.items())
        parts = [self.con.sql(_file_query(place, columns)) for place in _patterns(files)]
        raw = ibis.union(parts[0], *parts[1:]) if len(parts) > 1 else parts[0]
        return raw.mutate(bundle=_folder_of(raw["_path"]))


def _file_query(place: str, columns: str) -> str:
    """Write ClickHouse's table function: its arguments are literals, never names."""
    place, columns = (sge.Literal.string(text).sql("clickhouse") for text in (place, columns))
    return f"SELECT *, _path FROM file({place}, 'Parquet', {columns})"  # noqa: S608  # nosec B608 - quoted


def _patterns(files: list[str]) -> list[str]:
    """One pattern for all files of one name in folders beside each other."""
    beside: dict[tuple[str, str], list[str]] = {}
    for path in map(PurePath, files):
        beside.setdefault((str(path.parents[1]), path.name), []).append(path.parent.name)
    return [
        f"{root}/{found[0] if len(found) == 1 else '{' + ','.join(found) + '}'}/{name}"
        for (root, name), found in beside.items()
    ]


def _folder_of(path: StringColumn) -> StringColumn:
    return path.re_extract(r"([^/]+)/[^/]+$", 1)


@contextlib.contextmanager
def embedded(*, memory: str = "512MB") -> Iterator[Engine]:
    """Open DuckDB in this process, within `memory`; what does not fit goes to temporary files."""
    with tempfile.TemporaryDirectory(prefix="workbench-") as spill:
        con = ibis.duckdb.connect(
            memory_limit=memory,
            temp_directory=spill,
            autoinstall_known_extensions=False,
            preserve_insertion_order=False,
        )
        try:
            yield Engine(con)
        finally:
            con.disconnect()
