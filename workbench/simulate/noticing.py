"""Whether anybody would have noticed: an incident is one because its SLI moved.

A fault that changes nothing users feel pages nobody, and load that harms is no quiet window.
Only what the SLI's service shows is looked at, as an alert would.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from workbench.simulate.course import Course
    from workbench.simulate.services import Array

__all__ = ["Felt", "felt", "healthy", "noticed"]

_SURE = 3.0  # standard errors
_TOGETHER = 3.0  # neighbouring bins that count as one, for slow noise
_LATENCY_RISE = 0.04  # share of what is usual
_FAILED_RISE = 0.002  # share of requests
_ILL = 0.1  # share of requests


class Felt(NamedTuple):
    """Rise of latency and of failures over the onset, in standard errors; 0 where too small."""

    latency: float
    errors: float


def felt(course: Course, onset: int) -> Felt:
    """Measure how far the SLI's service rose over the onset.

    Where hardly any of the incident's bins had a request there is no SLI to look at.
    """
    load, failed = course.load[course.sli], course.errors[course.sli]
    latency = course.latency[course.sli]
    if 10 * (load[onset:] > 0).sum() <= len(load[onset:]):
        return Felt(0.0, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # bins without any request
        usual = float(np.nan_to_num(np.nanmedian(latency[:onset])))
        rise = float(np.nan_to_num(np.nanmean(latency[onset:]))) - usual
        error = _standard_error(latency, onset)
    slower = rise / error if rise > _LATENCY_RISE * usual else 0.0
    before = failed[:onset].sum() / max(load[:onset].sum(), 1.0)
    requests = max(load[onset:].sum(), 1.0)
    worse = failed[onset:].sum() / requests - before
    chance = np.sqrt(max(before, 1 / requests) / requests) + 1e-9
    return Felt(slower, float(worse / chance) if worse > _FAILED_RISE else 0.0)


def noticed(course: Course, onset: int) -> bool:
    """Whether latency or failures rose beyond chance and by enough to matter."""
    return max(felt(course, onset)) > _SURE


def healthy(course: Course, onset: int) -> bool:
    """Whether nine tenths of requests succeeded before: an overload that lasts is no baseline."""
    load, failed = course.load[course.sli, :onset], course.errors[course.sli, :onset]
    return bool(failed.sum() <= _ILL * max(load.sum(), 1.0))


def _standard_error(values: Array, onset: int) -> float:
    """Of a mean as long as the incident; the spread is that of the middle half before."""
    low, high = np.nanquantile(values[:onset], (0.25, 0.75))
    number = max(np.isfinite(values[onset:]).sum() / _TOGETHER, 1.0)
    return float(np.nan_to_num((high - low) / 1.35 / np.sqrt(number))) + 1e-9
