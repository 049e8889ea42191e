"""Parts of many sources as one window: names mapped, tables joined, verdicts kept."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.coverage import Coverage, CoverageRow
from workbench.tables import SCHEMAS, conform
from workbench.topology import from_table
from workbench.window import IncidentWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import networkx as nx

    from workbench.collection.collected import Collected
    from workbench.collection.sources import Sources
    from workbench.connectors.contract import Fetched, IncidentRef
    from workbench.coverage import Status
    from workbench.times import TimeRange

__all__ = ["joined_window"]

_WORST: tuple[Status, ...] = ("failed", "stale", "partial", "complete", "empty")
_LONGEST = 600


def joined_window(
    brought: Collected,
    when: TimeRange,
    sources: Sources,
    *,
    incident: IncidentRef | None = None,
) -> IncidentWindow:
    """Build the window of what was collected.

    Parameters
    ----------
    brought
        The parts. Each is let go once it is part of a table, so that not all lies there twice.
    when
        The incident's range.
    sources
        Names of services, and SLOs.
    incident
        As the tool that manages it knows it.
    """
    coverage = Coverage(tuple(_verdicts(brought.fetched)))
    edges = [part.frame for part in brought.taken("topology") if len(part.frame)]
    tables: dict[str, Any] = {}
    for name in SCHEMAS:
        joined = _joined(name, brought.taken(name), sources.services)
        if joined is not None:
            tables[name] = joined
    return IncidentWindow.from_frames(
        when=when,
        id=incident.id if incident else f"collected-{when.start:%Y%m%dT%H%M%SZ}",
        title=incident.title if incident else "",
        **tables,
        topology=_graph(edges, sources.services),
        slos=sources.slos,
        coverage=coverage,
    )


def _joined(table: str, parts: Iterable[Fetched], names: Mapping[str, str]) -> pd.DataFrame | None:
    frames = [part.frame for part in parts if len(part.frame)]
    if not frames:
        return None
    whole = conform(table, pd.concat(frames, ignore_index=True))
    if names and "service" in whole:
        mapped = whole["service"].astype("object").map(lambda name: names.get(name, name))
        whole = conform(table, whole.assign(service=mapped))
    return whole


def _graph(frames: list[pd.DataFrame], names: Mapping[str, str]) -> nx.DiGraph[str] | None:
    if not frames:
        return None
    edges = pd.concat(frames, ignore_index=True)
    for end in ("src", "dst"):
        edges[end] = edges[end].map(lambda name: names.get(name, name))
    return from_table(edges.drop_duplicates(["src", "dst"], ignore_index=True))


def _verdicts(parts: Iterable[Fetched]) -> Iterable[CoverageRow]:
    """One row a source, table and service: a range fetched in parts is as good as its worst."""
    groups: dict[tuple[str, str, str], list[CoverageRow]] = defaultdict(list)
    for part in parts:
        for row in part.coverage:
            groups[row.source, row.table, row.service].append(row)
    for (source, table, service), rows in groups.items():
        said = {row.status for row in rows}
        status = next(one for one in _WORST if one in said)
        if status == "failed" and len(said) > 1:
            status = "partial"
        reasons = "; ".join(dict.fromkeys(row.reason for row in rows if row.reason))
        if status == "complete":
            reasons = "; ".join(
                dict.fromkeys(row.reason for row in rows if row.reason and row.status == "complete")
            )
        yield CoverageRow(
            source,
            table,
            service,
            status,
            sum(row.rows for row in rows),
            cadence_s=min((r.cadence_s for r in rows), default=float("nan")),
            gaps=_linked(gap for row in rows for gap in row.gaps),
            reason=reasons[:_LONGEST],
        )


def _linked(gaps: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Join gaps that touch: one gap over the edge of two parts is one."""
    linked: list[tuple[str, str]] = []
    for start, end in sorted(set(gaps)):
        if linked and pd.Timestamp(start) <= pd.Timestamp(linked[-1][1]):
            first, last = linked[-1]
            linked[-1] = (first, max(last, end, key=pd.Timestamp))
        else:
            linked.append((start, end))
    return tuple(linked)
