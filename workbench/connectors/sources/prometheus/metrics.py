"""Metrics of a Prometheus as rows, with the gaps in its scraping told and nothing put into them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.connectors.contract import Fetched, complete_fetch, failed_fetch
from workbench.connectors.reading.prometheus_answer import read_answer
from workbench.connectors.reading.rows import list_at, mapping_at, text_of
from workbench.connectors.sources.prometheus.payload import gaps_of
from workbench.connectors.sources.prometheus.queries import MetricQuery, count, counts, whole
from workbench.connectors.sources.prometheus.series import bounded, unreplicated, without_bounds
from workbench.coverage import CoverageRow
from workbench.errors import SourceError, SourceGarbled, WindowTooLarge
from workbench.semconv import COUNTER_ENDINGS, WRITER_LABELS, first_of, histogram_part
from workbench.stats.counters import falls
from workbench.tables import conform, empty, labels_text
from workbench.times import TimeRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from workbench.connectors.sources.prometheus.payload import Samples
    from workbench.connectors.sources.prometheus.queries import Asked

    Scrapes: TypeAlias = "Mapping[str, Sequence[Target]]"

__all__ = ["Target", "metrics"]

_MS = 1_000_000
_NEAR = 2.5  # usual intervals: samples further apart have a gap between them
_AROUND_MS = 600_000  # twice as long as Prometheus carries a value on (its lookback, 5 min)
_TOLD = 5  # services named in one message
_TEMPORALITY = {"counter": "cumulative", "histogram": "cumulative", "gauge": ""}
_PARTS = ("_bucket", "_count", "_sum")  # of a histogram or a summary
_TYPES = {"counter": "counter", "gauge": "gauge", "histogram": "histogram"}


@dataclass(frozen=True, eq=False, slots=True)
class Target:
    """One thing that is scraped: when that worked (ms), and how often it is tried (ms)."""

    instance: str
    ts_ms: np.ndarray
    cadence_ms: float

    def gaps(self, start_ms: int, end_ms: int) -> list[tuple[int, int]]:
        """Stretches of two intervals or more without a scrape, as far as they lie in a range."""
        usual = None if np.isnan(self.cadence_ms) else self.cadence_ms
        least = 0.0 if usual is None else usual
        found = _gaps_into(self.ts_ms, start_ms, end_ms, usual)
        cut = [(max(a, start_ms), b) for a, b in found]
        return [(a, b) for a, b in cut if b - a >= least]


def _gaps_into(
    ts_ms: np.ndarray, start_ms: int, end_ms: int, cadence_ms: float | None
) -> list[tuple[int, int]]:
    """Find gaps of scrapes that reach into a range, from before it on."""
    known = ts_ms[ts_ms < end_ms]
    found, _ = gaps_of(known, start_ms - _AROUND_MS, end_ms, cadence_ms=cadence_ms)
    return [(a, b) for a, b in found if b > start_ms]


def _cadence(ts_ms: np.ndarray) -> float:
    steps = np.diff(ts_ms)
    return float(np.median(steps)) if len(steps) else float("nan")


async def metrics(asked: Asked) -> Fetched:
    """Fetch all queries of a source; what fails hides nothing else.

    Raises
    ------
    WindowTooLarge
        More samples than one fetch may bring; none of them was read.
    SourceError
        The server answered none of the queries.
    """
    if not asked.queries:
        return failed_fetch("metrics", asked.source, "no queries and no templates are set")
    counted = await _all_counts(asked)
    total = sum(rows for rows, _ in counted if rows > 0)
    if total > asked.settings.most_rows:
        raise _too_large(asked, total)
    scrapes = await _scrapes(asked)
    kinds = await _metadata(asked)
    frames, problems = [], []
    asked.notes += asked.remarks
    for query, (rows, failure) in zip(asked.queries, counted, strict=True):
        try:
            if failure:
                raise failure
            samples, why = await whole(asked, query, rows)
        except SourceError as error:
            problems.append(f"{query.name or query.promql}: {error}")
            continue
        problems += [f"{query.name or query.promql}: {one}" for one in why]
        if query.is_raw:
            samples = _one_each(asked, samples)
        real = _without_inventions(asked, query, samples, scrapes)
        frames.append(_frame(asked, query, real.earlier(query.range_ms)))
        levels = _levels(query, real)
        kind = query.kind or _kinds(frames[-1]["metric"], kinds, levels)
        asked.notes += _told_kinds(frames[-1]["metric"], kinds, levels) if not query.kind else []
        frames[-1] = frames[-1].assign(kind=kind)
        frames[-1]["temporality"] = frames[-1]["kind"].astype("object").map(_TEMPORALITY)
    return _told(asked, _joined(frames, asked.services), problems, scrapes)


async def _all_counts(asked: Asked) -> list[tuple[int, SourceError | None]]:
    """Count every query; one the server refuses hides no other."""
    found: list[tuple[int, SourceError | None]] = []
    for query in asked.queries:
        try:
            found.append(((await count(asked, query))[0], None))
        except SourceError as error:
            found.append((0, error))
    failures = [error for _, error in found if error]
    if len(failures) == len(found) and failures:
        raise failures[0]
    return found


async def _scrapes(asked: Asked) -> Scrapes:
    """Fetch when each target was scraped, by service: the truth about gaps."""
    up = MetricQuery(promql="up")
    # Of a range shorter than two scrapes neither their interval nor an outage could be seen.
    around = pd.Timedelta(_AROUND_MS, unit="ms")
    wide = replace(asked, when=TimeRange(asked.when.start - around, asked.when.end + around))
    try:
        rows, _ = await count(wide, up)
        samples, why = await whole(wide, up, rows)
    except SourceError as error:
        asked.warnings.append(f"gaps in scraping are unknown: {error}")
        return {}
    asked.warnings += [f"gaps in scraping may be wrong: {one}" for one in why]
    samples, joined = unreplicated(samples, asked.settings.replica_labels, always=True)
    if joined and not all(query.is_raw for query in asked.queries):
        asked.warnings.append(
            f"targets are scraped twice (label {', '.join(joined)}): sums of expressions count "
            "both, unless the server deduplicates"
        )
    found: dict[str, list[Target]] = {}
    for place, labels in enumerate(samples.series):
        own = samples.index == place
        worked = own & (samples.value != 0)  # 0: the scrape failed, nothing was sampled
        cadenced = samples.ts_ms[own]
        found.setdefault(asked.service(up, labels), []).append(
            Target(
                first_of(labels, WRITER_LABELS) or "?", samples.ts_ms[worked], _cadence(cadenced)
            )
        )
    return found


async def _metadata(asked: Asked) -> dict[str, str]:
    """Fetch the kinds of metrics; nobody is told off for a server without metadata."""
    if all(query.kind for query in asked.queries):
        return {}
    try:
        answer = await asked.http.json("GET", "/api/v1/metadata")
        data, _, _ = read_answer(answer.payload)
    except SourceError:
        return {}
    known = {name: list_at(data, name) for name in mapping_at(data)}
    return {
        name: _TYPES.get(text_of(mapping_at(entries[0]).get("type")), "")
        for name, entries in known.items()
        if entries
    }


def _levels(query: MetricQuery, samples: Samples) -> set[str]:
    """Metrics whose values fall as no counter's do."""
    steps = np.diff(samples.ts_ms)
    forward = steps[steps > 0]
    # Over a gap a counter may have begun anew and come far.
    near = steps <= _NEAR * np.median(forward) if len(forward) else steps > 0
    found = falls(samples.value, series=samples.index, among=near).is_level
    return {
        query.name or samples.series[place].get("__name__", query.promql)
        for place in np.flatnonzero(found)
    }


def _kinds(names: pd.Series, known: dict[str, str], levels: set[str]) -> pd.Series:
    return names.map({name: _kind(name, known, levels) for name in names.unique()})


def _kind(name: str, known: dict[str, str], levels: set[str]) -> str:
    """Take the kind that the server tells; else that of the name, unless its values object."""
    told = known.get(name) or known.get(_stem(name))
    if told:
        return told
    is_level = name in levels and _is_doubtful(name)
    return "counter" if name.endswith(COUNTER_ENDINGS) and not is_level else "gauge"


def _is_doubtful(name: str) -> bool:
    """Whether a name that ends like a counter's may be a gauge's (``db_connection_count``)."""
    return name.endswith(("_count", "_sum")) and not histogram_part(name)[0]


def _stem(name: str) -> str:
    return next((name.removesuffix(e) for e in _PARTS if name.endswith(e)), name)


def _told_kinds(names: pd.Series, known: dict[str, str], levels: set[str]) -> Iterator[str]:
    """Say what was concluded of metrics whose kind the server does not tell."""
    there = set(map(str, names.unique()))
    for name in sorted(there):
        if known.get(name) or known.get(_stem(name)) or not _is_doubtful(name):
            continue
        if name in levels:
            yield f"{name} is named like a counter and falls: read as a gauge"
        elif name.endswith("_count") and f"{_stem(name)}_sum" not in there:
            yield f"{name}: the server does not tell its kind, by its name a counter"


def _one_each(asked: Asked, samples: Samples) -> Samples:
    """Join what two servers scraped of one target, and read buckets of every making."""
    samples, joined = unreplicated(samples, asked.settings.replica_labels)
    asked.notes += [
        f"{count:,} series that differ in {label} alone joined: one target, scraped twice"
        for label, count in joined.items()
    ]
    samples, _ = bounded(samples)
    lost = without_bounds(samples)
    if lost:
        asked.warnings.append(f"{lost:,} bucket series without le were not read as buckets")
    return samples


def _without_inventions(
    asked: Asked,
    query: MetricQuery,
    samples: Samples,
    scrapes: Scrapes,
) -> Samples:
    """Drop points of an expression where none of the service's targets was scraped.

    Where the server does not say when something was scraped, points that it carried over a gap
    cannot be told from real ones: that is told.
    """
    if query.is_raw or not len(samples):
        return samples
    kept = np.ones(len(samples), dtype=bool)
    unknown: dict[str, None] = {}
    for place, labels in enumerate(samples.series):
        name = asked.service(query, labels)
        targets = scrapes.get(name, [])
        own = samples.index == place
        silences = _silences(asked, targets)
        if silences is None:
            unknown[name or "series without a service"] = None
            continue
        for start, end in silences:
            kept[own & (samples.ts_ms > start) & (samples.ts_ms < end)] = False
    if unknown:
        some = ", ".join(list(unknown)[:_TOLD]) + (", …" if len(unknown) > _TOLD else "")
        asked.warnings.append(
            f"no `up` says when {some} was scraped: an expression may carry values over an outage"
        )
    asked.notes += counts({"point(s) that the server carried over a gap dropped": (~kept).sum()})
    return samples.where(kept)


def _silences(asked: Asked, targets: Sequence[Target]) -> list[tuple[int, int]] | None:
    """Stretches in which no target of a service was scraped, or None where nothing says so."""
    cadences = [target.cadence_ms for target in targets if not np.isnan(target.cadence_ms)]
    if not cadences:
        return None
    cadence = min(cadences)
    together = np.unique(np.concatenate([target.ts_ms for target in targets]))
    return _gaps_into(together, asked.start_ms, asked.end_ms, cadence)


def _frame(asked: Asked, query: MetricQuery, samples: Samples) -> pd.DataFrame:
    """Rows of the metrics table; what belongs to a series is written once a series."""
    known = [dict(labels) for labels in samples.series]
    names = [query.name or labels.get("__name__", query.promql) for labels in known]
    services = [asked.service(query, labels) for labels in known]
    bounds = [_bound(labels) for labels in known]
    texts = [
        labels_text({k: v for k, v in labels.items() if k not in ("__name__", "le")})
        for labels in known
    ]
    return pd.DataFrame(
        {
            "ts": pd.to_datetime(samples.ts_ms * _MS, utc=True),
            "metric": _repeated(names, samples.index),
            "value": samples.value,
            "service": _repeated(services, samples.index),
            "labels": _repeated(texts, samples.index),
            "unit": query.unit,
            "le": np.array(bounds, dtype=np.float64)[samples.index] if bounds else [],
        }
    )


def _bound(labels: dict[str, str]) -> float:
    text = labels.get("le", "")
    try:
        return float(text) if text else float("nan")
    except ValueError as error:
        raise SourceGarbled(fact="A bucket whose bound is not a number", value=text) from error


def _repeated(values: list[str], index: np.ndarray) -> pd.Categorical:
    names = list(dict.fromkeys(values))
    codes = np.array([names.index(v) for v in values], dtype=np.int64)
    dtype = pd.CategoricalDtype(pd.Index(names, dtype="str"))
    return pd.Categorical.from_codes(codes[index] if len(codes) else [], dtype=dtype)


def _joined(frames: list[pd.DataFrame], services: tuple[str, ...]) -> pd.DataFrame:
    parts = [conform("metrics", frame) for frame in frames if len(frame)]
    whole = pd.concat(parts, ignore_index=True) if parts else empty("metrics")
    if services:
        whole = whole[whole["service"].isin(services)].reset_index(drop=True)
    return conform("metrics", whole)


def _told(
    asked: Asked,
    frame: pd.DataFrame,
    problems: list[str],
    scrapes: Scrapes,
) -> Fetched:
    """Say the verdict on the whole, and one on each service whose scrapes have gaps."""
    why = list(dict.fromkeys([*problems, *asked.warnings]))
    notes = list(dict.fromkeys(asked.notes))
    found = complete_fetch(
        "metrics", frame, asked.source, queries=asked.log, reason="; ".join([*why, *notes])
    )
    if why:
        row = CoverageRow(
            asked.source, "metrics", "*", "partial", len(frame), reason="; ".join([*why, *notes])
        )
        found = Fetched("metrics", found.frame, (row,), found.queries)
    wanted = {
        name: t for name, t in scrapes.items() if not asked.services or name in asked.services
    }
    return found.with_coverage(*_gap_rows(asked, frame, wanted))


def _gap_rows(
    asked: Asked,
    frame: pd.DataFrame,
    scrapes: Scrapes,
) -> Iterator[CoverageRow]:
    counted = frame["service"].value_counts()
    for service, targets in sorted(scrapes.items()):
        found = {target: target.gaps(asked.start_ms, asked.end_ms) for target in targets}
        broken = sorted({target.instance for target, gaps in found.items() if gaps})
        if not broken:
            continue
        gaps = sorted({gap for own in found.values() for gap in own})
        yield CoverageRow(
            asked.source,
            "metrics",
            service,
            "partial",
            int(counted.get(service, 0)),
            cadence_s=min(target.cadence_ms for target in targets) / 1000,
            gaps=tuple((_iso(start), _iso(end)) for start, end in gaps),
            reason=f"scrapes are missing of {', '.join(broken)}",
        )


def _too_large(asked: Asked, rows: int) -> WindowTooLarge:
    most = asked.settings.most_rows
    step = asked.settings.step_s * max(rows / most, 1.0)
    return WindowTooLarge(
        f"{rows:,} samples are {rows / most:.1f} times what one fetch may bring",
        value=most,
        hint=f"Ask for fewer services, aggregate on the server (sum by (…) (rate(…[{step:.0f}s]))"
        f" with step_s: {step:.0f}), or raise most_rows",
    )


def _iso(ms: int) -> str:
    text: str = pd.Timestamp(ms, unit="ms", tz="UTC").isoformat()
    return text
