"""Many bundles at once: an archive is searched and resampled, a bundle it cannot read is told."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.archive.bundles import MANIFEST
from workbench.archive.execution import answer, at_fault, shortened
from workbench.archive.manifest import PATTERN, Bundle, read_head
from workbench.archive.results import Gap, QueryResult, Resampled
from workbench.cards import card, table_html
from workbench.errors import BadInput, BundleError, BundleMissing, WindowTooLarge, unknown_name
from workbench.tables import SCHEMAS, labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ibis.backends import BaseBackend

    from workbench.archive.engines import Engine
    from workbench.archive.execution import Question
    from workbench.times import TimeRange

__all__ = ["Archive", "open_archive"]

HOW = ("mean", "min", "max", "sum", "count", "last")
_BY = ("bundle", "service", "metric", "labels")
_MOST_BINS = 5_000_000

_COLUMNS = ("bundle", "table", "field", "service", "severity", "text", "first", "last", "rows")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Archive:
    """Bundles of one folder, searched without loading them.

    Make one with `workbench.archive.open`. Digests are checked where a window is loaded; here
    only sizes are, and every digest once an engine stumbles.

    Parameters
    ----------
    folder
        Where the bundles lie.
    bundles
        Those that can be read, by name.
    unreadable
        Those that cannot.
    engine
        An Ibis connection to Spark or ClickHouse that sees the folder under the same path;
        None for an embedded DuckDB.
    """

    folder: Path
    bundles: tuple[Bundle, ...]
    unreadable: tuple[Gap, ...] = ()
    engine: BaseBackend | None = None

    def incidents(self) -> QueryResult:
        """List the bundles: name, title, start, end, tables."""
        rows = [
            (b.name, b.title, b.when.start, b.when.end, ", ".join(sorted(b.files)))
            for b in self.bundles
        ]
        frame = pd.DataFrame(rows, columns=["bundle", "title", "start", "end", "tables"])
        return QueryResult("Incidents", len(self.bundles), frame, self.unreadable)

    def services(self) -> QueryResult:
        """List services by bundle and table: rows, first, last."""
        from workbench.archive.queries import joined, seen_services

        tables = [name for name in SCHEMAS if "service" in SCHEMAS[name].kinds]
        frame, gaps = self._ask(
            tables, lambda _, read: joined([seen_services(name, rows) for name, rows in read])
        )
        frame = _dated(frame, ["bundle", "service", "table"])
        columns = ["bundle", "service", "table", "rows", "first", "last"]
        return QueryResult("Services", len(self.bundles), frame.reindex(columns=columns), gaps)

    def labels(
        self, name: str = "", *, tables: Sequence[str] = ("metrics", "alerts")
    ) -> QueryResult:
        """List labels and their values by bundle and table, with the rows that have them.

        Parameters
        ----------
        name
            This label alone; every one where empty.
        tables
            Of these tables: metrics, logs, spans, alerts, costs.
        """
        from workbench.archive.queries import joined, label_sets

        known = {"metrics", "logs", "spans", "alerts", "costs"}
        wanted = [_known("table", table, known) for table in tables]
        frame, gaps = self._ask(
            wanted, lambda _, read: joined([label_sets(table, rows) for table, rows in read])
        )
        pairs = [
            (row.bundle, row.table, label, str(value), int(row.rows))
            for row in frame.itertuples()
            for label, value in _labels(row.labels).items()
            if name in {"", label}
        ]
        columns = ["bundle", "table", "label", "value", "rows"]
        found = pd.DataFrame(pairs, columns=columns)
        found = found.groupby(columns[:-1], as_index=False).sum()
        return QueryResult(f"Labels {name}".rstrip(), len(self.bundles), found, gaps)

    def search(
        self,
        text: str = "",
        *,
        tables: Sequence[str] = (),
        services: Sequence[str] = (),
        labels: Mapping[str, object] | None = None,
        severity: str = "",
        when: TimeRange | None = None,
        limit: int = 200,
    ) -> QueryResult:
        """Find rows by text, service, label, severity and time; all that is said must hold.

        Parameters
        ----------
        text
            Text that a title, log line, name, message or label contains, in any case.
        tables
            Only these tables; ``"bundles"`` stands for the incidents' own titles.
        services
            Only rows of these services.
        labels
            Label or attribute to its value, for example ``{"route": "/cart"}``.
        severity
            At least trace, debug, info, warn, error or fatal: of logs, alerts, events and
            incidents.
        when
            Only rows between these times.
        limit
            At most so many lines, the earliest ones; more are told.

        Returns
        -------
        QueryResult
            Columns bundle, table, field, service, severity, text, first, last, rows: the same
            text of one place is one line with a count.

        Raises
        ------
        BadInput, UnknownName
            Nothing to search for, or a table or severity that does not exist.
        """
        from workbench.archive.queries import SEVERITIES, Asked, hits, joined

        asked = Asked(text, tuple(services), dict(labels or {}), severity, when)
        if asked == Asked():
            raise BadInput(
                fact="Nothing to search for", hint="Say a text, a service, a label, a time"
            )
        if severity:
            _known("severity", severity, SEVERITIES)
        named = [_known("table", name, {*SCHEMAS, "bundles"}) for name in tables]
        wanted = [t for t in SCHEMAS if (not named or t in named) and asked.fits(t)]
        order = ["first", "bundle", "table", "field", "service", "text"]
        frame, gaps = self._ask(
            wanted,
            lambda engine, read: (
                joined([hits(engine, table, rows, asked=asked) for table, rows in read])
                .order_by(order)
                .limit(limit + 1)
            ),
        )
        titles = self._titles(asked) if not named or "bundles" in named else []
        found = _dated(pd.concat([*titles, frame]) if titles else frame, order)
        found = found.assign(severity=_severity_words(found)).reindex(columns=list(_COLUMNS))
        return QueryResult(
            _said(asked), len(self.bundles), found.head(limit), gaps, len(found) > limit
        )

    def resample(
        self,
        step: str | pd.Timedelta,
        *,
        metrics: Sequence[str] = (),
        services: Sequence[str] = (),
        when: TimeRange | None = None,
        how: Sequence[str] = ("mean", "max", "count"),
        by: Sequence[str] = ("bundle", "service", "metric"),
        memory: str = "512MB",
        most_bins: int = _MOST_BINS,
    ) -> Resampled:
        """Metric samples to bins, straight from Parquet: they may be more than memory holds.

        Parameters
        ----------
        step
            Width of a bin, at least one microsecond; bins start at multiples of it.
        metrics, services, when
            Only these.
        how
            Of mean, min, max, sum, count and last. Missing and NaN samples are no samples;
            infinities are.
        by
            What makes a series: of bundle, service, metric and labels. Counters are to be
            read by labels: ``last`` of several series at once would be any of theirs.
        memory
            What DuckDB may take; the rest goes to temporary files.
        most_bins
            Refuse to hand out more.

        Raises
        ------
        BadInput
            A step, statistic or key that does not exist.
        WindowTooLarge
            More bins than `most_bins`.
        """
        from workbench.archive.queries import resampled

        width = _step(step)
        _check_how(how, by)
        frame, gaps = self._ask(
            ["metrics"],
            lambda _, read: resampled(
                read[0][1],
                width.value,
                by=by,
                how=how,
                metrics=metrics,
                services=services,
                when=when,
            ).limit(most_bins + 1),
            memory=memory,
        )
        if len(frame) > most_bins:
            raise WindowTooLarge(
                fact=f"More than {most_bins:,} bins",
                value=str(width),
                hint="Choose a larger step, fewer metrics or services, or raise most_bins",
            )
        return Resampled(width, tuple(how), tuple(by), _bins(frame, by, how), when, gaps)

    def _ask(
        self,
        tables: Sequence[str],
        question: Question,
        *,
        memory: str = "512MB",
    ) -> tuple[pd.DataFrame, tuple[Gap, ...]]:
        """Ask all bundles; where an engine stumbles, name those at fault and ask the others."""
        with self._opened(memory) as engine:
            try:
                return answer(engine, self.bundles, tables, question=question), self.unreadable
            except engine.errors as error:
                found = at_fault(engine, self.bundles, tables, question=question)
                if not found:
                    hint = "Every bundle answers by itself: more memory may help"
                    raise BundleError(
                        fact=f"The archive could not be asked: {shortened(error)}",
                        value=self.folder.name,
                        hint=hint,
                    ) from error
            bad = {gap.bundle for gap in found}
            sound = [bundle for bundle in self.bundles if bundle.name not in bad]
            return answer(engine, sound, tables, question=question), (*self.unreadable, *found)

    @contextlib.contextmanager
    def _opened(self, memory: str) -> Iterator[Engine]:
        from workbench.archive.engines import Engine, embedded

        if self.engine is not None:
            yield Engine(self.engine)
            return
        with embedded(memory=memory) as engine:
            yield engine

    def _titles(self, asked: Any) -> list[pd.DataFrame]:  # noqa: ANN401 - Asked, imported late
        if asked.services or asked.labels or asked.severity:
            return []
        wanted = asked.text.casefold()
        rows = [
            (
                b.name,
                "bundles",
                "title",
                "",
                float("nan"),
                b.title,
                b.when.start.value,
                b.when.end.value,
                1,
            )
            for b in self.bundles
            if wanted in f"{b.title}\n{b.name}".casefold()
            and (asked.when is None or asked.when.overlaps(b.when))
        ]
        columns = [
            "bundle",
            "table",
            "field",
            "service",
            "severity",
            "text",
            "first",
            "last",
            "rows",
        ]
        return [pd.DataFrame(rows, columns=columns)] if rows else []

    def __repr__(self) -> str:
        """Count the bundles and name those that cannot be read."""
        lines = [f"Archive {self.folder.name!r}: {len(self.bundles):,} bundles"]
        lines += [f"  not read: {gap.bundle} – {gap.reason}" for gap in self.unreadable]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """List the bundles, and those that cannot be read."""
        gaps = pd.DataFrame(
            [(g.bundle, g.reason) for g in self.unreadable], columns=["not read", "why"]
        )
        body = (table_html(gaps) if len(gaps) else "") + table_html(self.incidents().frame)
        return card(f"Archive {self.folder.name}", {"bundles": len(self.bundles)}, body=body)


def open_archive(folder: str | Path, *, engine: BaseBackend | None = None) -> Archive:
    """Open a folder of bundles, or one bundle, for searching and resampling.

    Parameters
    ----------
    folder
        Folder whose subfolders are bundles, or a bundle.
    engine
        An Ibis connection to Spark or ClickHouse that sees the folder under the same path;
        left out, an embedded DuckDB answers.

    Raises
    ------
    BundleMissing
        No such folder.
    BadInput
        A path with characters that engines read as patterns.

    Examples
    --------
    >>> archive = open_archive("datasets")  # doctest: +SKIP
    >>> archive.search("deadlock", severity="error")  # doctest: +SKIP
    """
    root = Path(folder).resolve()
    if not root.is_dir():
        raise BundleMissing(fact="No archive here", value=root.name)
    if PATTERN & set(str(root.parent if (root / MANIFEST).exists() else root)):
        raise BadInput(
            fact="Engines would read this path as a pattern",
            value=root.name,
            hint=f"Rename it without {' '.join(sorted(PATTERN))}",
        )
    there = (
        [root]
        if (root / MANIFEST).exists()
        else sorted(p.parent for p in root.glob(f"*/{MANIFEST}"))
    )
    read = [read_head(path) for path in there]
    return Archive(
        root,
        tuple(one for one in read if isinstance(one, Bundle)),
        tuple(one for one in read if isinstance(one, Gap)),
        engine,
    )


def _known(what: str, name: str, known: Any) -> str:  # noqa: ANN401 - any container of names
    if name not in known:
        raise unknown_name(what, name, known)
    return name


def _labels(text: str) -> dict[str, object]:
    try:
        return labels_of(text)
    except BadInput:
        return {}


def _step(step: str | pd.Timedelta) -> pd.Timedelta:
    try:
        width = pd.Timedelta(step).as_unit("ns")
    except (ValueError, TypeError) as error:
        raise BadInput(fact="Not a step", value=step, hint='For example "1min"') from error
    if width is pd.NaT or width < pd.Timedelta("1us"):
        raise BadInput(fact="Not a step", value=step, hint='For example "1min"')
    return width


def _check_how(how: Sequence[str], by: Sequence[str]) -> None:
    for name in how:
        _known("statistic", name, HOW)
    for name in by:
        _known("key", name, _BY)
    if not how or not by:
        raise BadInput(fact="No statistic or no key", hint=f"how of {HOW}, by of {_BY}")
    if "last" in how and not {"service", "metric", "labels"} <= set(by):
        raise BadInput(
            fact="The last sample of several series at once",
            value=tuple(by),
            hint='by=("bundle", "service", "metric", "labels")',
        )


def _bins(frame: pd.DataFrame, by: Sequence[str], how: Sequence[str]) -> pd.DataFrame:
    columns = [*by, "bin", *how]
    frame = frame.reindex(columns=columns).sort_values([*by, "bin"], ignore_index=True)
    frame["bin"] = pd.to_datetime(frame["bin"].astype("int64"), unit="ns", utc=True)
    numbers = {name: "int64" if name == "count" else "float64" for name in how}
    return frame.rename(columns={"bin": "ts"}).astype({**dict.fromkeys(by, "category"), **numbers})


def _dated(frame: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    if frame.empty:
        return frame
    frame = frame.sort_values(order, ignore_index=True)
    times = {c: pd.to_datetime(frame[c], unit="ns", utc=True) for c in ("first", "last")}
    return frame.assign(**times, rows=frame["rows"].astype("int64"))


def _severity_words(frame: pd.DataFrame) -> pd.Series:
    """Name a severity number's range of OpenTelemetry's log data model."""
    from workbench.archive.queries import SEVERITIES

    if frame.empty:
        return pd.Series(dtype="str")
    edges = [*(number - 0.5 for number in SEVERITIES.values()), float("inf")]
    named = pd.cut(frame["severity"].astype("float64"), edges, labels=list(SEVERITIES))
    return named.astype("object").where(named.notna(), "").astype("str")


def _said(asked: Any) -> str:  # noqa: ANN401 - Asked, imported late
    parts = [
        repr(asked.text) if asked.text else "",
        f"of {', '.join(asked.services)}" if asked.services else "",
        f"with {dict(asked.labels)}" if asked.labels else "",
        f"at least {asked.severity}" if asked.severity else "",
        f"in {asked.when}" if asked.when else "",
    ]
    return "Search " + " ".join(part for part in parts if part)
