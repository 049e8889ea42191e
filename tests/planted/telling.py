"""Asking the ranking of many seeds whether it tells the planted story."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from workbench.causal import rank
from workbench.diagnose import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from workbench import IncidentWindow
    from workbench.causal.ranking import Ranking
    from workbench.diagnose.results import Diagnosis

SEEDS = range(5)


def first(window: IncidentWindow) -> str:
    """Service that the ranking puts first."""
    return rank(window).rows[0].service


def share_right(
    make: Callable[[int], IncidentWindow], right: Collection[str] | Callable[[Ranking], bool]
) -> float:
    """Share of five seeds whose first service is one of these, or that pass a test."""
    found = [rank(make(seed)) for seed in SEEDS]
    told = right if callable(right) else lambda ranking: ranking.rows[0].service in right
    return sum(told(ranking) for ranking in found) / len(found)


def diagnosed(make: Callable[[int], IncidentWindow]) -> list[Diagnosis]:
    """Diagnoses of five seeds of one story."""
    return [compare(make(seed)) for seed in SEEDS]


def holds_most(found: list[Diagnosis], told: Callable[[Diagnosis], bool]) -> bool:
    """Whether a story is told as planted on at least four of five seeds."""
    return sum(told(each) for each in found) >= 0.8 * len(found)


def blamed(found: list[Diagnosis]) -> set[str]:
    """Every service, host or change that any of these supports as the cause."""
    causes = [each.cause for each in found]
    return {cause.change or cause.service for cause in causes if cause is not None}


def everywhere(alter: Callable[..., IncidentWindow]) -> Callable[..., IncidentWindow]:
    """Alter a window's history as the window itself: a signal nobody measures, ever."""

    @wraps(alter)
    def both(window: IncidentWindow, *args: Any, **options: Any) -> IncidentWindow:
        past = both(window.history, *args, **options) if window.history is not None else None
        return alter(window, *args, **options).with_(history=past)

    return both


@everywhere
def without(window: IncidentWindow, service: str, *metrics: str) -> IncidentWindow:
    """The same window with these metrics of a service (all of them if none) never seen."""
    frame = window.metrics
    gone = frame["service"].eq(service)
    if metrics:
        gone &= frame["metric"].isin(metrics)
    return window.with_(tables={**window.tables, "metrics": frame[~gone]})
