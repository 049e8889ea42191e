"""Log lines: what services say when all is well, and what they say when it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from workbench.simulate.course import Course, Setup
    from workbench.simulate.services import Array
    from workbench.simulate.telemetry.observed import Observed

__all__ = ["logs_frame"]

_USUAL = (
    "handled request {n} in {m} ms",
    "loaded {m} rows for key {n}",
    "session {n} refreshed",
    "batch {n} written, {m} entries",
    "configuration checked, revision {m}",
    "cache lookup {n} took {m} us",
    "worker {m} picked job {n}",
)
_ABOUT_CALLS = (
    "upstream call failed after {m} ms, request {n}",
    "remote peer did not answer, attempt {m}, request {n}",
    "bad status 503 from dependency for request {n}",
)
_ABOUT_ITSELF = (
    "unhandled exception while serving {n}: index {m} out of range",
    "request {n} aborted: null value in field {m}",
    "panic recovered in handler, request {n}",
)
_NONSENSE = (
    "unexpected empty result for {n}, skipping {m} steps",
    "inconsistent total for {n}: expected {m}",
    "validation of response {n} failed, rule {m}",
)
_INFO, _WARN, _ERROR = 9, 13, 17
_USUAL_LINES, _MOST_OF_A_KIND = 1500.0, 1200.0


def logs_frame(observed: Observed, *, rng: np.random.Generator) -> pd.DataFrame | None:
    """Write the lines, thinned evenly to a few thousand."""
    course = observed.course
    if not observed.instruments.logs:
        return None
    kinds: list[tuple[Array, tuple[str, ...], int]] = [
        (_usual(observed.setup, course), _USUAL, _INFO)
    ]
    texts = (_ABOUT_CALLS, _ABOUT_ITSELF, _NONSENSE)
    for expected, said, severity in zip(
        course.complaints, texts, (_WARN, _ERROR, _WARN), strict=True
    ):
        thinned = expected * min(1.0, _MOST_OF_A_KIND / max(float(expected.sum()), 1.0))
        kinds.append((thinned, said, severity))
    frames = [_lines(observed, *kind, rng) for kind in kinds]
    frame = pd.concat([f for f in frames if len(f)], ignore_index=True)
    return frame if len(frame) else None


def _usual(setup: Setup, course: Course) -> Array:
    """Lines of daily business: a wrong answer leaves some of them out."""
    lines = course.load * (1 - 0.8 * setup.effects.wrong)
    return lines * (_USUAL_LINES / max(float(lines.sum()), 1.0))


def _lines(
    observed: Observed,
    expected: Array,
    texts: tuple[str, ...],
    severity: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Draw lines of one kind; each service has one or two ways to say it."""
    system = observed.system
    expected = expected.copy()
    expected[sorted(observed.instruments.silent)] = 0.0
    number = rng.poisson(expected)
    service, bins = np.nonzero(number)
    times = number[service, bins]
    service, bins = np.repeat(service, times), np.repeat(bins, times)
    ways = rng.integers(0, len(texts), (system.size, 2))
    way = ways[service, rng.integers(0, 2, len(service))]
    first = rng.integers(1000, 1_000_000, len(service))
    second = rng.integers(1, 900, len(service))
    rows = zip(way.tolist(), first.tolist(), second.tolist(), strict=True)
    return pd.DataFrame(
        {
            "ts": observed.calendar.stamps(bins + rng.uniform(0, 0.999, len(bins))),
            "service": [system.names[s] for s in service.tolist()],
            "severity_number": float(severity),
            "body": [texts[w].format(n=n, m=m) for w, n, m in rows],
            "attributes": "{}",
        }
    )
