"""The incident window: one frozen object that every verb takes and none changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import networkx as nx
import pandas as pd

from workbench.archive import graph_from_dict, graph_to_dict, read_bundle, write_bundle
from workbench.baseline import choose_baseline, extent
from workbench.cards import ResultCard, table_html
from workbench.coverage import Coverage, measure
from workbench.errors import BadInput, BundleSchema, unknown_name
from workbench.slis import SLI, SLO
from workbench.tables import SCHEMAS, conform, empty
from workbench.times import TimeRange, utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.times import Instant

__all__ = ["IncidentWindow"]

# What as_of must forget inside a row that began before the moment: its later times.
_LATER = {
    "alerts": ("ends_at",),
    "changes": ("end_ts",),
    "incidents": ("acked_at", "resolved_at", "detected_at", "impact_end"),
}


def _table(name: str, doc: str) -> Any:  # noqa: ANN401 - a property has no public type
    def read(window: IncidentWindow) -> pd.DataFrame:
        frame = window.tables.get(name)
        return empty(name) if frame is None else frame.copy(deep=False)

    return property(read, doc=doc)


@dataclass(frozen=True, slots=True, repr=False, eq=False, weakref_slot=True)
class IncidentWindow(ResultCard):
    """Everything an investigation may look at, frozen.

    Make one with `from_frames`, `load` or an importer of `workbench.datasets`. Table
    properties hand out shallow copies: under copy-on-write a change to one never reaches
    the window. Columns of every table are in `workbench.tables.SCHEMAS`.

    Parameters
    ----------
    id, title
        Identity of the incident.
    when
        The incident range ``[start, end)``. Tables may reach further back: that is what
        the baseline is taken from.
    baseline
        The normal range to compare with, or None where nothing lies before `when`.
    baseline_reason
        Why this baseline.
    topology
        Service graph, caller → callee, frozen.
    slos
        Objectives known for these services.
    coverage
        What was seen and what was not.
    history
        A long quiet stretch of the same system, itself a window, or None.
    history_id
        Id of that stretch; where it is named and `history` is None it could not be read.
    tables
        Conformed frames by name; read them through the properties.
    """

    id: str
    when: TimeRange
    tables: Mapping[str, pd.DataFrame]
    title: str = ""
    baseline: TimeRange | None = None
    baseline_reason: str = ""
    topology: nx.DiGraph[str] = field(default_factory=lambda: nx.freeze(nx.DiGraph()))
    slos: tuple[SLO, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    history: IncidentWindow | None = None
    history_id: str = ""

    metrics = _table("metrics", "Metric samples.")
    logs = _table("logs", "Log records.")
    spans = _table("spans", "Spans of traces.")
    alerts = _table("alerts", "Alerts with their start and, once known, their end.")
    changes = _table("changes", "Deploys, rollbacks, configuration and other changes.")
    events = _table("events", "Kubernetes and other events.")
    incidents = _table("incidents", "Incident records, of this and of other incidents.")
    costs = _table("costs", "Billing rows.")
    tests = _table("tests", "Test results.")
    audits = _table("audits", "Audit records.")

    @classmethod
    def from_frames(
        cls,
        *,
        when: TimeRange,
        id: str = "incident",
        title: str = "",
        metrics: pd.DataFrame | None = None,
        logs: pd.DataFrame | None = None,
        spans: pd.DataFrame | None = None,
        alerts: pd.DataFrame | None = None,
        changes: pd.DataFrame | None = None,
        events: pd.DataFrame | None = None,
        incidents: pd.DataFrame | None = None,
        costs: pd.DataFrame | None = None,
        tests: pd.DataFrame | None = None,
        audits: pd.DataFrame | None = None,
        topology: nx.DiGraph[str] | None = None,
        slos: tuple[SLO, ...] = (),
        baseline: TimeRange | None = None,
        coverage: Coverage | None = None,
        history: IncidentWindow | str | None = None,
    ) -> IncidentWindow:
        """Build a window from frames: conform them, measure coverage, choose a baseline.

        Parameters
        ----------
        when
            The incident range. Data before it is kept: the baseline comes from there.
            Give at least as much, and better eight times as much, quiet time before it.
        id, title
            Identity of the incident.
        metrics, logs, spans, alerts, changes, events, incidents, costs, tests, audits
            Frames with the columns of `workbench.tables.SCHEMAS`; any may be missing.
            Times carry a zone, durations are seconds, ``labels`` and ``attributes`` are
            dicts or JSON text and may be left out. See the notes.
        topology
            Service graph, caller → callee; `workbench.topology.from_table` reads a table
            of edges (``src``, ``dst``), `from_spans` traces, `merge` joins them.
        slos
            See the class.
        history
            A long quiet stretch of the same system; the id alone of one that a bundle beside
            this one holds, which `workbench.datasets.load` reads.
        baseline
            Override of the automatic choice (`workbench.baseline.choose_baseline`).
        coverage
            Declared rows; each replaces the measured row of the same table and service.

        Raises
        ------
        BadTable, NaiveTimestamp
            A frame that does not fit its schema.
        BadInput
            A range, a graph or SLOs of another kind.

        Notes
        -----
        Metrics by name (`workbench.semconv`): ``service.load`` and ``service.errors``
        count requests and failed ones in each step; ``service.latency``
        is their mean in seconds (``service.latency_p99`` and the like: quantiles, which
        do not add up); ``service.error_ratio`` is a share of 0 … 1. Of calls ``edge.calls``,
        ``edge.latency``, ``edge.errors``, where ``service`` is the caller and label
        ``peer`` the callee. OpenTelemetry's request histograms in Prometheus form are
        read as they are scraped. Every other name is a gauge of its service
        (saturation): CPU, queue, pool.

        Spans: ``kind`` is server, client, internal, producer or consumer, ``status``
        ``error`` where it failed, ``parent_span_id`` empty at the root. Logs:
        ``severity_number`` of OpenTelemetry (INFO 9, WARN 13, ERROR 17). Changes:
        ``kind`` deploy, rollback, config, flag, scaling, schema or commit, ``ref`` its name,
        ``detail`` what it touches (a commit's message, files and diff).

        What is missing becomes a visible gap in ``coverage`` and limits what may be
        claimed: without `topology`, spans and ``edge.*`` nobody is known to call anybody.

        Examples
        --------
        >>> import pandas as pd
        >>> stamps = pd.date_range("2026-01-31T12:00Z", periods=20, freq="1min")
        >>> latency = pd.DataFrame(
        ...     {"ts": stamps, "metric": "service.latency", "value": 0.2, "service": "cart",
        ...      "labels": "{}"})
        >>> when = TimeRange("2026-01-31T12:15Z", "2026-01-31T12:20Z")
        >>> IncidentWindow.from_frames(when=when, metrics=latency).services
        ('cart',)
        """
        given = {
            "metrics": metrics,
            "logs": logs,
            "spans": spans,
            "alerts": alerts,
            "changes": changes,
            "events": events,
            "incidents": incidents,
            "costs": costs,
            "tests": tests,
            "audits": audits,
        }
        raw = {name: frame for name, frame in given.items() if frame is not None}
        _check(when, topology, slos)
        fitted = {name: conform(name, frame) for name, frame in raw.items()}
        chosen = choose_baseline(fitted, when)
        return cls(
            id=id,
            title=title or id,
            when=when,
            baseline=baseline or chosen.range,
            baseline_reason="given" if baseline else chosen.reason,
            topology=nx.freeze(nx.DiGraph(topology)),
            slos=tuple(slos),
            coverage=measure(fitted, extent(fitted) or when, raw=raw) + (coverage or Coverage()),
            history=None if isinstance(history, str) else history,
            history_id=history if isinstance(history, str) else history.id if history else "",
            tables=MappingProxyType(fitted),
        )

    @property
    def services(self) -> tuple[str, ...]:
        """Services that the topology or any table knows, sorted."""
        named = {str(node) for node in self.topology.nodes}
        for frame in self.tables.values():
            if "service" in frame:
                named.update(str(name) for name in frame["service"].dropna().unique())
        return tuple(sorted(named - {"", "*"}))

    @property
    def digest(self) -> str:
        """sha256 over all that a result can depend on: the same window, the same digest.

        Tables, ranges, the graph with what stands on its nodes and edges, SLOs, coverage and
        the history. Id, title and the baseline's reason are words about it and left out.
        """
        described = {
            "when": self.when.to_dict(),
            "baseline": self.baseline.to_dict() if self.baseline else None,
            "nodes": sorted(self.topology.nodes(data=True), key=str),
            "edges": sorted(self.topology.edges(data=True), key=str),
            "slos": [slo.to_dict() for slo in self.slos],
            "coverage": [asdict(row) for row in self.coverage.rows],
            "history": self.history.digest if self.history else None,
        }
        total = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode())
        for name, frame in sorted(self.tables.items()):
            total.update(f"{name}: {', '.join(map(str, frame.columns))}".encode())
            hashed = pd.util.hash_pandas_object(frame, index=False)
            total.update(hashed.to_numpy().tobytes())
        return total.hexdigest()

    def sli(self, asked: SLI | str | None = None) -> SLI:
        """Read an SLI from ``"service/signal"``; the first SLO's if none is asked for.

        Raises
        ------
        BadInput, UnknownName
            Not an SLI, a service nobody knows, or no SLO to fall back on.
        """
        if isinstance(asked, SLI):
            return asked
        if asked is None:
            if not self.slos:
                hint = 'Name an SLI, "service/latency", or give slos=(SLO(...),)'
                fact = "The window has no SLO to take the SLI from"
                raise BadInput(fact, value=self.id, hint=hint)
            return self.slos[0].sli
        sli = SLI.parse(asked)
        self.check_service(sli.service)
        return sli

    def check_service(self, name: str) -> str:
        """Return the name if the window knows it.

        Raises
        ------
        UnknownName
            With the nearest known names.
        """
        if name not in self.services:
            kind = "service"
            raise unknown_name(kind, name, self.services)
        return name

    def only(self, *services: str) -> IncidentWindow:
        """Keep rows and graph nodes of these services; tables without services stay whole.

        Raises
        ------
        UnknownName
            A service that the window does not know.
        """
        names = [self.check_service(name) for name in services]
        kept = {
            name: frame[frame["service"].isin(names)].reset_index(drop=True)
            if "service" in frame
            else frame
            for name, frame in self.tables.items()
        }
        graph = nx.freeze(nx.DiGraph(self.topology.subgraph(names)))
        rows = tuple(r for r in self.coverage if r.service in {*names, "*"})
        return self.with_(tables=kept, topology=graph, coverage=Coverage(rows))

    def between(self, start: Instant, end: Instant) -> IncidentWindow:
        """Move the incident range; the baseline is chosen anew unless it was given."""
        when = TimeRange(start, end)
        if self.baseline_reason == "given":
            return self.with_(when=when)
        chosen = choose_baseline(self.tables, when)
        return self.with_(when=when, baseline=chosen.range, baseline_reason=chosen.reason)

    def as_of(self, moment: Instant) -> IncidentWindow:
        """Hide the future: what one could have seen at that moment.

        Rows after it go, and so do later times inside earlier rows (when an alert ended,
        when an incident was resolved).
        """
        now = utc(moment)
        seen = {name: _before(name, frame, now) for name, frame in self.tables.items()}
        end = min(self.when.end, now)
        when = TimeRange(self.when.start, end) if end > self.when.start else self.when
        coverage = measure(seen, extent(seen) or when, source=f"as of {now.isoformat()}")
        return self.with_(tables=seen, when=when, coverage=coverage)

    def with_(self, **fields: Any) -> IncidentWindow:  # noqa: ANN401 - any field's type
        """Return a window with some fields replaced, as `dataclasses.replace` does.

        A replaced baseline is marked as given; replaced tables are fitted to their schemas.
        """
        if "tables" in fields:
            fitted = {name: conform(name, frame) for name, frame in fields["tables"].items()}
            fields["tables"] = MappingProxyType(fitted)
        if fields.get("baseline") is not None:
            fields.setdefault("baseline_reason", "given")
        return replace(self, **fields)

    def save(self, path: str | Path) -> Path:
        """Write an incident bundle into a folder; `load` reads the same window back."""
        meta = {
            "id": self.id,
            "title": self.title,
            "when": self.when.to_dict(),
            "baseline": self.baseline.to_dict() if self.baseline else None,
            "baseline_reason": self.baseline_reason,
            "slos": [slo.to_dict() for slo in self.slos],
            "history": self.history_id,
            "topology": graph_to_dict(self.topology),
            "coverage": self.coverage.to_frame(),
        }
        return write_bundle(Path(path), self.tables, meta)

    @classmethod
    def load(cls, path: str | Path) -> IncidentWindow:
        """Read an incident bundle, checking every table's digest first.

        Raises
        ------
        BundleMissing, BundleSchema, BundleAltered
            See `workbench.archive.read_bundle`.
        """
        tables, meta = read_bundle(Path(path))
        try:
            return cls(tables=MappingProxyType(tables), **_described(meta))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            hint = "Restore it from version control, or record the incident anew"
            fact = "The manifest describes no window"
            raise BundleSchema(fact, value=Path(path).name, hint=hint) from error

    def _facts(self) -> dict[str, str]:
        rows = ", ".join(f"{len(f):,} {name}" for name, f in self.tables.items() if len(f))
        absent = ", ".join(
            name for name in SCHEMAS if name not in self.tables or self.tables[name].empty
        )
        return {
            "incident": f"{self.when} ({self.when.duration.total_seconds() / 60:.0f} min)",
            "baseline": f"{self.baseline or 'none'} ({self.baseline_reason})",
            "services": f"{len(self.services)} ({self.topology.number_of_edges()} call edges)",
            "seen": rows or "nothing",
            "not seen": f"no {absent}" if absent else "every table has rows",
            "SLIs": ", ".join(str(slo.sli) for slo in self.slos) or "none declared",
            **self._history_fact(),
        }

    def _history_fact(self) -> dict[str, str]:
        if self.history is not None:
            return {"history": f"{self.history.id}, {self.history.when}"}
        return {"history": f"{self.history_id} (not read)"} if self.history_id else {}

    def _gaps(self) -> pd.DataFrame:
        rows = [r for r in self.coverage.problems if r.status != "empty" or r.service != "*"]
        return pd.DataFrame(
            [(f"{r.table}/{r.service}", r.status, r.reason) for r in rows],
            columns=["not complete", "status", "why"],
        )

    def __repr__(self) -> str:
        """Facts a line each, gaps included."""
        lines = [f"{name:>9}: {value}" for name, value in self._facts().items()]
        gaps = [f"{'gap':>9}: {' – '.join(row)}" for row in self._gaps().itertuples(index=False)]
        return "\n".join([f"IncidentWindow {self.id!r}: {self.title}", *lines, *gaps])

    def _headline(self) -> str:
        return self.title

    def _body(self) -> str:
        """List what was not complete."""
        gaps = self._gaps()
        return table_html(gaps) if len(gaps) else ""


def _described(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a bundle's manifest and coverage say of its window, as fields of it."""
    return {
        **{name: str(meta[name]) for name in ("id", "title", "baseline_reason")},
        "history_id": str(meta["history"]),
        "when": TimeRange(**meta["when"]),
        "baseline": TimeRange(**meta["baseline"]) if meta["baseline"] else None,
        "topology": nx.freeze(graph_from_dict(meta["topology"])),
        "slos": tuple(SLO(**slo) for slo in meta["slos"]),
        "coverage": Coverage.from_frame(meta["coverage"]),
    }


def _before(name: str, frame: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    seen = frame[frame[SCHEMAS[name].time] < now].reset_index(drop=True)
    if name == "spans":  # a span is sent when it has ended
        ends = seen["ts"] + pd.to_timedelta(seen["duration_s"].fillna(0.0).clip(0, 1e8), unit="s")
        seen = seen[ends <= now].reset_index(drop=True)
    later = {c: seen[c].mask(seen[c] >= now) for c in _LATER.get(name, ()) if c in seen}
    return seen.assign(**later)


def _check(when: object, topology: object, slos: object) -> None:
    """Refuse what is nearly right with a word on what would be."""
    if not isinstance(when, TimeRange):
        fact = "Not a time range"
        raise BadInput(fact, value=when, hint="when=TimeRange(start, end)")
    if isinstance(topology, pd.DataFrame):
        hint = "workbench.topology.from_table(edges) reads one; columns src, dst"
        fact = "A table is not a service graph"
        raise BadInput(fact, value=list(topology.columns), hint=hint)
    if isinstance(slos, SLO):
        fact = "One SLO where several may stand"
        raise BadInput(fact, value=slos.name, hint="slos=(slo,)")
