"""Who wrote the points of a series: OTLP allows one writer, and often there are several.

Replicas that set no identity (``service.instance.id``) write to one series. Their start times
tell them apart (OpenTelemetry data model, "Single-Writer", "Resets and gaps"): streams of
different starts that overlap have different writers, streams one after the other are restarts.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from workbench.connectors.reading.rows import json_of, json_text
from workbench.stats.counters import falls

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from workbench.connectors.sources.otlp.points import Point

    _Key = tuple[str, ...]

__all__ = ["Oddity", "said_of", "told_apart"]

_LABEL = "writer"
_TWICE, _OFTEN_SHARE = 2, 0.25  # falls, and their share of the steps that move
_FEWEST_STARTS = 4  # of one point each, from which on start times say nothing


class Oddity(Enum):
    """What is said of series, after their number."""

    SPLIT = "series are of several writers, told apart by their start times alone (label writer)"
    MIXED = (
        "series left out: several writers share each, and neither service.instance.id nor a "
        "start time tells them apart"
    )
    STARTS = "series whose start time moves with every point: it was not used"
    LEVEL = "level(s) added up from deltas: what was before the first is not known"
    AGAIN = "point(s) that came twice dropped"


_LOST = frozenset({Oddity.MIXED})


def told_apart(
    key: _Key, points: list[Point], counted: Counter[Oddity]
) -> Iterator[tuple[_Key, list[Point]]]:
    """Split the points of a series by who wrote them.

    Parameters
    ----------
    key
        Service, name, unit, kind and labels of the series.
    points
        In any order; those that came twice are dropped.
    counted
        What is odd, counted here.

    Yields
    ------
    tuple
        Key and points of one writer, in order of time.
    """
    own = _once(points, counted)
    kind = key[3]
    if any(one.delta for one in own):
        # Deltas of any number of writers add up.
        counted[Oddity.LEVEL] += kind == "gauge"
        yield key, own
        return
    if kind == "gauge" and len({one.start for one in own}) == len(own):
        yield key, own  # a gauge needs no start, and may write the time of its point
        return
    writers = _writers(own, counted)
    if kind != "gauge" and any(_is_mixed(one) for one in writers):
        counted[Oddity.MIXED] += 1
        return
    if len(writers) == 1:
        yield key, writers[0]
        return
    counted[Oddity.SPLIT] += 1
    for number, one in enumerate(writers, start=1):
        labels = json_text({**json_of(key[-1]), _LABEL: str(number)})
        yield (*key[:-1], labels), one


def said_of(counted: Counter[Oddity]) -> tuple[list[str], list[str]]:
    """Say what is missing, and what is odd and costs no row."""
    said = [(one, f"{count:,} {one.value}") for one, count in counted.items() if count]
    problems = [text for one, text in said if one in _LOST]
    return problems, [text for one, text in said if one not in _LOST]


def _once(points: list[Point], counted: Counter[Oddity]) -> list[Point]:
    found: dict[tuple[object, ...], Point] = {}
    for one in points:
        found.setdefault(one.identity, one)
    counted[Oddity.AGAIN] += len(points) - len(found)
    return sorted(found.values(), key=lambda one: (one.ts, one.start))


def _writers(points: list[Point], counted: Counter[Oddity]) -> list[list[Point]]:
    """Chain streams of one start that follow each other; those that overlap are apart."""
    streams: dict[int, list[Point]] = {}
    for one in points:
        streams.setdefault(one.start, []).append(one)
    if len(streams) == 1:
        return [points]
    if len(streams) >= _FEWEST_STARTS and len(streams) == len(points) and not _has_falls(points):
        counted[Oddity.STARTS] += 1
        for one in points:
            one.start = 0
        return [points]
    writers: list[list[Point]] = []
    for stream in sorted(streams.values(), key=lambda own: own[0].ts):
        free = [one for one in writers if one[-1].ts < stream[0].ts]
        if free:
            max(free, key=lambda own: own[-1].ts).extend(stream)
        else:
            writers.append(stream)
    return writers


def _totals(points: list[Point]) -> np.ndarray:
    counts = [one.value if not one.buckets else sum(one.buckets) + one.zeros for one in points]
    return np.array(counts, dtype=np.float64) + [sum(one.negative) for one in points]


def _has_falls(points: list[Point]) -> bool:
    return bool((np.diff(_totals(points)) < 0).any())


def _is_mixed(points: list[Point]) -> bool:
    """Whether a counter falls so often that it cannot be one, though it never began anew."""
    starts = np.array([one.start for one in points], dtype=np.int64)
    same, totals = np.diff(starts) == 0, _totals(points)
    # From one told start on no counter falls; once may be a start that was not renewed.
    told = falls(totals, among=same & (starts[1:] > 0))
    twice = (told.all >= _TWICE) & (told.all >= _OFTEN_SHARE * told.moves)
    return bool(twice.any() or falls(totals, among=same).is_mixed.any())
