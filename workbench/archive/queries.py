"""The archive's questions, each written once in Ibis for every engine.

Everything a user says reaches an engine as a value of an expression, never as part of a
query's text. Times are whole nanoseconds (`workbench.archive.engines`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

import ibis

from workbench.tables import SCHEMAS, labels_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ibis.expr.types import BooleanValue, FloatingColumn, Table

    from workbench.archive.engines import Engine
    from workbench.times import TimeRange

__all__ = [
    "SEVERITIES",
    "TEXTS",
    "Asked",
    "hits",
    "joined",
    "label_sets",
    "resampled",
    "seen_services",
]

TEXTS: Mapping[str, tuple[str, ...]] = {
    "logs": ("body", "attributes"),
    "metrics": ("metric", "labels"),
    "spans": ("name", "attributes"),
    "alerts": ("name", "labels"),
    "changes": ("ref", "kind", "version"),
    "events": ("message", "reason", "name"),
    "incidents": ("title", "id"),
    "tests": ("name", "message"),
    "audits": ("action", "target", "reason"),
    "costs": ("resource_id", "tags"),
}
"""Table to the columns that are searched for text, the one shown first."""

SEVERITIES = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
"""Severity to its least number in OpenTelemetry's log data model."""

_SEVERITY = {"alerts": "severity", "events": "type", "incidents": "severity"}
_WORDS = {
    9: ("info", "information", "informational", "low", "notice", "normal", "p4", "p5"),
    13: ("warning", "warn", "medium", "moderate", "average", "p3"),
    17: ("error", "high", "major", "p2"),
    21: ("critical", "fatal", "page", "disaster", "emergency", "p1"),
}
_LABELS = {
    "logs": "attributes",
    "metrics": "labels",
    "spans": "attributes",
    "alerts": "labels",
    "costs": "tags",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is searched for; rows match all of it.

    Parameters
    ----------
    text
        Text that a field contains, whatever its case.
    services
        Of one of these services.
    labels
        Label or attribute to the value it must have.
    severity
        At least this one, of `SEVERITIES`; tables without severities then have no rows.
    when
        Between these times.
    """

    text: str = ""
    services: tuple[str, ...] = ()
    labels: Mapping[str, object] = field(default_factory=dict)
    severity: str = ""
    when: TimeRange | None = None

    def fits(self, table: str) -> bool:
        """Whether rows of this table can match at all."""
        return not (
            (self.services and "service" not in SCHEMAS[table].kinds)
            or (self.labels and table not in _LABELS)
            or (self.severity and table not in {"logs", *_SEVERITY})
        )


def hits(engine: Engine, table: str, rows: Table, *, asked: Asked) -> Table:
    """Rows of a table that match, the same ones counted together.

    Returns
    -------
    Table
        Columns bundle, table, field, service, severity (number), text, first, last, rows.
    """
    stamp = rows[SCHEMAS[table].time]
    rows = rows.mutate(_ts=stamp, _severity=_severity(table, rows))
    if conditions := _conditions(table, rows, asked):
        rows = rows.filter(conditions)
    fields = TEXTS[table] if asked.text else TEXTS[table][:1]
    return joined([_in_field(engine, table, rows, name, asked) for name in fields])


def _in_field(engine: Engine, table: str, rows: Table, name: str, asked: Asked) -> Table:
    if asked.text:
        wanted = engine.folded(ibis.literal(asked.text))
        rows = rows.filter(engine.folded(rows[name]).contains(wanted))
    service = rows["service"] if "service" in rows.columns else ibis.literal("")
    told = rows.select(
        bundle=rows["bundle"],
        table=ibis.literal(table),
        field=ibis.literal(name),
        service=service.fill_null(""),
        severity=rows["_severity"],
        text=rows[name].fill_null(""),
        ts=rows["_ts"],
    )
    keys = ["bundle", "table", "field", "service", "severity", "text"]
    return told.group_by(keys).aggregate(
        first=told["ts"].min(), last=told["ts"].max(), rows=told.count()
    )


def joined(parts: Sequence[Table]) -> Table:
    """All rows of tables with the same columns."""
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def _severity(table: str, rows: Table) -> FloatingColumn:
    if table == "logs":
        return rows["severity_number"]
    if table not in _SEVERITY:
        return ibis.null("float64")
    word = rows[_SEVERITY[table]].lower()
    known = [(name, float(number)) for number, names in _WORDS.items() for name in names]
    return word.cases(*known, else_=ibis.null("float64"))


def _conditions(table: str, rows: Table, asked: Asked) -> list[BooleanValue]:
    found = []
    if asked.services:
        found.append(rows["service"].isin(asked.services))
    if asked.severity:
        found.append(rows["_severity"] >= float(SEVERITIES[asked.severity]))
    if asked.when:
        found += [rows["_ts"] >= asked.when.start.value, rows["_ts"] < asked.when.end.value]
    return found + [_has(rows, table, name, value) for name, value in asked.labels.items()]


def _has(rows: Table, table: str, name: str, value: object) -> BooleanValue:
    """Whether canonical JSON text holds this pair; what follows it tells 50 from 500."""
    pair, text = labels_text({name: value})[1:-1], rows[_LABELS[table]]
    return text.contains(pair + ",") | text.contains(pair + "}")


def seen_services(table: str, rows: Table) -> Table:
    """Services of a table with the rows they have and when; columns as `hits` has them."""
    stamp = SCHEMAS[table].time
    told = rows.select(
        bundle=rows["bundle"],
        table=ibis.literal(table),
        service=rows["service"].fill_null(""),
        ts=rows[stamp],
    )
    return told.group_by(["bundle", "table", "service"]).aggregate(
        first=told["ts"].min(), last=told["ts"].max(), rows=told.count()
    )


def label_sets(table: str, rows: Table) -> Table:
    """Different label sets of a table as JSON text; columns bundle, table, labels, rows."""
    told = rows.select(
        bundle=rows["bundle"],
        table=ibis.literal(table),
        labels=rows[_LABELS[table]].fill_null("{}"),
    )
    return told.group_by(["bundle", "table", "labels"]).aggregate(rows=told.count())


def resampled(
    rows: Table,
    step_ns: int,
    *,
    by: Sequence[str],
    how: Sequence[str],
    metrics: Sequence[str] = (),
    services: Sequence[str] = (),
    when: TimeRange | None = None,
) -> Table:
    """Statistics of metric samples a bin: missing and NaN samples are none, a gap stays one.

    Parameters
    ----------
    rows
        Metric samples with columns ts (nanoseconds), value and those of `by`.
    step_ns
        Width of a bin; bins start at multiples of it since 1970.
    by
        What makes a series, e.g. bundle, service, metric.
    how
        Of mean, min, max, sum, count, last.
    metrics, services, when
        Only these.

    Returns
    -------
    Table
        Columns of `by`, ``bin`` (start, nanoseconds) and of `how`.
    """
    value = rows["value"]
    wanted = [value.notnull(), ~value.isnan()]
    wanted += [rows["metric"].isin(metrics)] if metrics else []
    wanted += [rows["service"].isin(services)] if services else []
    if when:
        wanted += [rows["ts"] >= when.start.value, rows["ts"] < when.end.value]
    rows = rows.filter(reduce(and_, wanted))
    # Whole numbers only: a quotient of float64 would put samples near an edge in the next bin.
    rows = rows.mutate(bin=rows["ts"] - rows["ts"] % step_ns)
    value = rows["value"]
    known = {
        "mean": value.mean,
        "min": value.min,
        "max": value.max,
        "sum": value.sum,
        "count": rows.count,
        "last": lambda: value.argmax(rows["ts"]),
    }
    return rows.group_by([*by, "bin"]).aggregate(**{name: known[name]() for name in how})
