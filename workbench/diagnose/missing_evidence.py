"""What could not be seen, and what to look at next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.checks import CheckId, not_passed

if TYPE_CHECKING:
    from workbench.diagnose.case import Case
    from workbench.diagnose.results import Suspect

__all__ = ["missing_sources", "would_settle"]

_TABLES = ("metrics", "spans", "logs", "changes", "events", "alerts")

_ADVICE = {
    CheckId.ENOUGH_HISTORY: "a longer quiet stretch before the incident, or a history bundle",
    CheckId.SOURCES_PRESENT: "telemetry of {service} during the incident",
    CheckId.STANDS_OUT: "what else of {service} moved: its spans, logs and saturation gauges",
    CheckId.PART_EXCLUDES_ZERO: "a longer incident window, or finer bins, for {service}",
    CheckId.PLACEBO_WINDOWS: "a longer history of {service}: past windows do as much",
    CheckId.PLACEBO_MOMENTS: "more quiet time to compare {change} with",
    CheckId.NOT_BY_LOAD: "a gauge of what {service} may run out of: queue, pool, CPU",
    CheckId.NOT_BY_HOST: "gauges of the host of {service}, and of who uses it: CPU, disk",
    CheckId.NOT_AFTER_SLI: "finer bins around the onset at {service}",
}


def missing_sources(case: Case) -> tuple[str, ...]:
    """Tables without rows, services that fell silent, calls seen from one side only."""
    window = case.window
    empty = [f"no {name}" for name in _TABLES if getattr(window, name).empty]
    silent = [
        f"{r.service}: {r.reason}"
        for r in window.coverage.missing("metrics", "spans")
        if r.service != "*"
    ]
    known = set(case.study.aligned.services)
    blind = sorted(case.study.graph.reached - known)
    unseen = [f"{name}: in the graph, no telemetry" for name in blind]
    graph = () if case.study.graph.edges else ("no service graph: who calls whom is not known",)
    return (*empty, *graph, *silent, *unseen)


def would_settle(case: Case, suspects: tuple[Suspect, ...]) -> tuple[str, ...]:
    """Next best looks: what the nearest suspects lack, once each."""
    wanted: dict[str, None] = {}
    for suspect in [s for s in suspects if s.role == "undecided"][:3]:
        for result in not_passed(suspect.tests):
            if result.id in _ADVICE:
                text = _ADVICE[result.id].format(service=suspect.service, change=suspect.change)
                wanted[text] = None
    if case.window.changes.empty:
        wanted["the record of changes (deploys, flags, configuration) around the onset"] = None
    return tuple(wanted)
