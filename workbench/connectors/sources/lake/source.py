"""A lake: Parquet folders, ClickHouse or Spark, read through Ibis.

What is asked for reaches the engine as values of an expression. ``complete`` is said when as
many rows came as the engine counted for the same question.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlsplit

import pandas as pd
import pydantic

from workbench.connectors.contract import (
    Estimate,
    Fetched,
    Query,
    complete_fetch,
    failed_fetch,
)
from workbench.connectors.sources.lake.schema import OTEL, frame_of, otel_rows, time_of
from workbench.connectors.transport.secret import Auth, read_secret
from workbench.connectors.transport.ssrf_guard import HostGuard, check_url
from workbench.errors import (
    BadInput,
    MissingPart,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceUnreachable,
    unknown_name,
)
from workbench.tables import SCHEMAS, conform, empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibis.backends import BaseBackend
    from ibis.expr.types import Table

    from workbench.archive.engines import Engine
    from workbench.times import TimeRange

__all__ = ["Lake", "LakeSettings"]

_PORTS = {"http": 8123, "https": 8443}


class LakeSettings(pydantic.BaseModel):
    """Settings of a lake.

    Parameters
    ----------
    engine
        ``parquet`` (a folder, read by an embedded DuckDB), ``clickhouse`` or ``spark``.
    layout
        ``workbench`` (tables and columns of `workbench.tables.SCHEMAS`) or ``opentelemetry``
        (those of the collector's ClickHouse exporter).
    path
        Folder of a Parquet lake: ``metrics.parquet``, ``metrics/*.parquet`` and so on.
    url
        Where ClickHouse answers (http or https), or a Spark Connect address (``sc://``).
    database
        Database of ClickHouse or Spark that holds the tables.
    names
        Table to the name it has there, where that differs.
    auth
        ``basic``: user and password of ClickHouse.
    most_rows
        Rows one fetch may bring; more are refused before they are read.
    memory
        What the embedded DuckDB may take.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    engine: Literal["parquet", "clickhouse", "spark"] = pydantic.Field(description="who reads it")
    layout: Literal["workbench", "opentelemetry"] = pydantic.Field(
        default="workbench", description="whose tables and columns"
    )
    path: str = pydantic.Field(default="", description="folder of a Parquet lake")
    url: str = pydantic.Field(default="", description="where ClickHouse or Spark Connect answers")
    database: str = pydantic.Field(default="default", description="database of the tables")
    names: dict[str, str] = pydantic.Field(default_factory=dict, description="names of tables")
    auth: Auth = pydantic.Field(default=Auth(), description="user and password of ClickHouse")
    most_rows: int = pydantic.Field(default=5_000_000, gt=0, description="rows of one fetch")
    memory: str = pydantic.Field(
        default="512MB", pattern=r"^[0-9]+(MB|GB)$", description="of the embedded DuckDB"
    )

    @pydantic.model_validator(mode="after")
    def _whole(self) -> LakeSettings:
        needs = {"parquet": "path", "clickhouse": "url"}.get(self.engine)
        if needs and not getattr(self, needs):
            message = f"a lake of {self.engine} needs {needs}"
            raise ValueError(message)
        if self.engine == "clickhouse":
            try:
                check_url(self.url)
            except SourceRefused as error:
                raise ValueError(str(error)) from None
        return self


class Lake:
    """Tables of a lake as tables of a window."""

    kind: ClassVar[str] = "lake"
    tables: ClassVar[tuple[str, ...]] = tuple(SCHEMAS)
    cacheable: ClassVar[bool] = True

    def __init__(
        self, source: str, settings: LakeSettings, *, connection: BaseBackend | None = None
    ) -> None:
        """Connect to nothing yet.

        Parameters
        ----------
        source
            Name its user gave it.
        settings
            Where the lake lies and how it is laid out.
        connection
            An Ibis connection to use instead of opening one; it is not closed here.
        """
        self.source = source
        self._settings = settings
        self._given = connection
        self._opened: BaseBackend | None = None
        self._names, self._address = HostGuard(), ""

    async def fetch(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Fetched:
        """Fetch rows; see `workbench.connectors.contract.Connector.fetch`."""
        self._check(table, services)
        try:
            await self._guard()
        except SourceError as error:
            return failed_fetch(table, self.source, _reason(error))
        return await asyncio.to_thread(self._fetch, table, when, services)

    async def estimate(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Estimate:
        """Count the rows; see `workbench.connectors.contract.Connector.estimate`."""
        self._check(table, services)
        try:
            await self._guard()
        except SourceError as error:
            return Estimate(None, _reason(error))
        return await asyncio.to_thread(self._estimate, table, when, services)

    async def aclose(self) -> None:
        """Close the connection if it was opened here."""
        if self._opened is not None:
            self._opened.disconnect()
            self._opened = None

    def __repr__(self) -> str:
        """Name, engine and layout; nothing of who asks."""
        return f"Lake({self.source!r}, {self._settings.engine}, {self._settings.layout})"

    def _check(self, table: str, services: tuple[str, ...]) -> None:
        if table not in self.tables:
            raise unknown_name(what="table", name=table, known=self.tables)
        if not all(isinstance(name, str) for name in services):
            raise BadInput(fact="A service that is not text", value=services)

    def _fetch(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        try:
            with self._engine() as engine:
                parts = self._asked(engine, table, when, services)
                told = [self._part(engine, name, rows, when) for name, rows in parts.items()]
        except SourceError as error:
            return failed_fetch(table, self.source, _reason(error))
        return self._joined(table, told)

    def _joined(self, table: str, told: list[tuple[pd.DataFrame, int, Query]]) -> Fetched:
        frames = [frame for frame, _, _ in told if len(frame)]
        frame = conform(table, pd.concat(frames, ignore_index=True)) if frames else empty(table)
        doubled = int(frame.duplicated().sum())
        frame = frame.drop_duplicates(ignore_index=True) if doubled else frame
        notes = [f"{doubled:,} duplicated rows dropped"] if doubled else []
        if any(name.endswith(("exponential_histogram", "summary")) for name in _sources(told)):
            notes.append("of exponential histograms and summaries only counts and sums are read")
        queries = [query for _, _, query in told]
        found = complete_fetch(table, frame, self.source, queries=queries, reason="; ".join(notes))
        short = sum(counted - query.rows for _, counted, query in told)
        if not short:
            return found
        why = (
            f"{short:,} rows fewer were read than counted"
            if short > 0
            else (f"{-short:,} rows arrived between counting and reading")
        )
        row = replace(found.coverage[0], status="partial", reason="; ".join([why, *notes]))
        return replace(found, coverage=(row,))

    def _estimate(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Estimate:
        try:
            with self._engine() as engine:
                parts = self._asked(engine, table, when, services)
                counted = sum(_count(engine, rows) for rows in parts.values())
        except SourceError as error:
            return Estimate(None, _reason(error))
        return Estimate(counted, "counted by the engine")

    def _part(
        self, engine: Engine, name: str, rows: Table, when: TimeRange
    ) -> tuple[pd.DataFrame, int, Query]:
        """Count and read the rows of one table of the lake."""
        counted = _count(engine, rows)
        if counted > self._settings.most_rows:
            raise SourceRefused(
                fact=f"{counted:,} rows are more than one fetch may bring",
                value=self._settings.most_rows,
                hint="Ask for less time or fewer services, resample there, or raise most_rows",
            )
        raw = engine.frame(rows)
        digest = hashlib.sha256(pd.util.hash_pandas_object(raw, index=False).to_numpy().tobytes())
        text = str(engine.con.compile(rows))
        query = Query(self.source, text, (("table", name),), when, len(raw), digest.hexdigest())
        if self._settings.layout == "opentelemetry":
            return frame_of(name, raw)[1], counted, query
        return _plain_frame(name, raw), counted, query

    def _asked(
        self, engine: Engine, table: str, when: TimeRange, services: tuple[str, ...]
    ) -> dict[str, Table]:
        """Rows of each table of the lake that hold this table, not yet read."""
        parts = {}
        for name, raw in self._there(engine, table).items():
            if self._settings.layout == "opentelemetry":
                rows = otel_rows(engine, name, raw.filter(engine.within(raw[time_of(name)], when)))
            else:
                within = raw.filter(engine.within(raw[SCHEMAS[table].time], when))
                rows = within.select(**engine.plain(within, SCHEMAS[table].kinds))
            named = services and "service" in rows.columns
            parts[name] = rows.filter(rows["service"].isin(services)) if named else rows
        return parts

    def _there(self, engine: Engine, table: str) -> dict[str, Table]:
        """Tables of the lake that hold this table, as they are."""
        workbench = self._settings.layout == "workbench"
        names = (table,) if workbench else OTEL.get(table, ())
        found = {name: raw for name in names if (raw := self._raw(engine, name)) is not None}
        if not found:
            raise SourceRefused(fact="The lake has no such table", value=[*names] or table)
        required = SCHEMAS[table].required if workbench else ()
        if lacking := [c for c in required if c not in found[table].columns]:
            raise SourceRefused(fact="A table without the columns it needs", value=lacking)
        return found

    def _raw(self, engine: Engine, name: str) -> Table | None:
        """Open a table of the lake by name, or None where it has none."""
        if self._settings.path:
            return engine.files(_files(Path(self._settings.path), self._name(name)))
        database = self._settings.database
        if self._name(name) not in engine.con.list_tables(database=database):
            return None
        return engine.con.table(self._name(name), database=database)

    def _name(self, table: str) -> str:
        return self._settings.names.get(table, table)

    @contextlib.contextmanager
    def _engine(self) -> Iterator[Engine]:
        """Open the engine; what it cannot do becomes a `SourceError`."""
        from ibis.common.exceptions import IbisError

        from workbench.archive.engines import Engine, embedded

        with contextlib.ExitStack() as stack:
            if self._settings.engine == "parquet":
                engine = stack.enter_context(embedded(memory=self._settings.memory))
            else:
                if self._opened is None and self._given is None:
                    self._opened = _connected(self._settings, self._address)
                engine = Engine(self._given if self._given is not None else self._opened)
            try:
                yield engine
            except (*engine.errors, IbisError, OSError) as error:
                raise SourceGarbled(fact=f"The lake could not answer: {_reason(error)}") from error

    async def _guard(self) -> None:
        if self._settings.engine == "clickhouse" and self._given is None:
            parts = urlsplit(self._settings.url)
            port = parts.port or _PORTS[parts.scheme]
            self._address = (await self._names.addresses(str(parts.hostname), port))[0]


def _files(folder: Path, name: str) -> list[Path]:
    """Parquet files of one table: ``name.parquet`` or all below ``name/``, no links."""
    below = folder / name
    found = [folder / f"{name}.parquet", *sorted(below.rglob("*.parquet"))]
    return [p for p in found if p.is_file() and not p.is_symlink() and Path(name).name == name]


def _connected(settings: LakeSettings, address: str) -> Any:  # noqa: ANN401 - an Ibis connection
    """Connect; to ClickHouse by the address that was checked, and past no proxy."""
    try:
        if settings.engine == "spark":
            from ibis import pyspark
            from pyspark.sql import SparkSession

            builder = SparkSession.builder
            session = builder.remote(settings.url) if settings.url else builder
            return pyspark.connect(session.getOrCreate())
        from clickhouse_connect.driver.exceptions import ClickHouseError
        from clickhouse_connect.driver.httputil import get_pool_manager
        from ibis import clickhouse
    except ImportError as error:
        hint = f"pip install 'incident-workbench[{settings.engine}]'"
        raise MissingPart(fact=f"{settings.engine} is not installed", hint=hint) from error
    parts, secret = urlsplit(settings.url), settings.auth.secret
    password = read_secret(secret) if secret else ""
    is_tls, name = parts.scheme == "https", str(parts.hostname)
    names: dict[str, Any] = {"assert_hostname": name, "server_hostname": name} if is_tls else {}
    try:
        return clickhouse.connect(
            host=address or name,
            port=parts.port or _PORTS[parts.scheme],
            secure=is_tls,
            database=settings.database,
            user=settings.auth.user or "default",
            password=password,
            connect_timeout=10,
            pool_mgr=get_pool_manager(**names),
        )
    except ClickHouseError as error:
        hint = _reason(error)
        told = hint.replace(password, "(the password)") if password else hint
        fact = "ClickHouse does not answer"
        raise SourceUnreachable(fact, value=parts.hostname, hint=told) from None


def _plain_frame(table: str, raw: pd.DataFrame) -> pd.DataFrame:
    """Rows in plain types as rows of a window's table; columns nobody filled are left out."""
    schema = SCHEMAS[table]
    kept = [c for c in raw if c in schema.required or raw[c].notna().any()]
    times = {
        c: pd.to_datetime(raw[c].astype("Int64"), unit="ns", utc=True)
        for c in kept
        if schema.kinds[str(c)] == "time"
    }
    return conform(table, raw[kept].assign(**times))


def _count(engine: Engine, rows: Table) -> int:
    return int(engine.frame(rows.aggregate(n=rows.count()))["n"].iloc[0])


def _sources(told: list[tuple[pd.DataFrame, int, Query]]) -> list[str]:
    """Tables of the lake that rows came from."""
    return [query.parameters[0][1] for frame, _, query in told if len(frame)]


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
