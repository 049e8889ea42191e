"""The quiet stretch of the same system that lies before an incident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench import TimeRange

from .system import START, System

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from workbench import IncidentWindow

_PAST_WINDOWS = 9  # one more than are enough
_ANOTHER_DAY = 100_000  # added to a seed, for other draws than the incident's


def length_before(whole: float, inside: float) -> float:
    """Length of history that makes nine past windows as long as the incident `inside`."""
    return max(0, _PAST_WINDOWS * inside - (whole - inside))


def history_of(
    build: Callable[..., IncidentWindow],
    system: System,
    *,
    lasting: pd.Timedelta,
    seed: int,
    **settings: Any,
) -> IncidentWindow | None:
    """Build a window without a fault that ends where the incident's begins; None if it is empty."""
    if not lasting:
        return None
    start = START - lasting
    past = build(
        system,
        seed=seed + _ANOTHER_DAY,
        history=False,
        id=f"history-{seed}",
        start=start,
        **settings,
    )
    return past.with_(when=TimeRange(start, START))
