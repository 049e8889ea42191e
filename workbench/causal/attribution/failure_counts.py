"""How sure counted failures allow anybody to be: a few of them are never sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.features.columns import values_of

if TYPE_CHECKING:
    import pandas as pd

    from workbench.slis import SLI
    from workbench.stats.past_windows import Split

__all__ = ["count_chance"]


def count_chance(nodes: pd.DataFrame, sli: SLI, split: Split) -> float:
    """Chance of as many failed requests or more, by counting alone, as in the baseline.

    A baseline without a failure has contrasts of exactly zero, against which a single failed
    request would be a miracle. If failures come at the same rate per request before and during,
    those of the incident are a binomial share of all (the conditional test of two Poisson means,
    Przyborowski and Wilenski 1940), whatever else makes them swing.

    Parameters
    ----------
    nodes
        Signals of services, from `workbench.features`.
    sli
        Nothing is counted of another signal than errors: the chance is 0, no limit.
    split
        Which bins are the incident and which the baseline.
    """
    if sli.signal != "errors":
        return 0.0
    from scipy.stats import binom

    asked, failed, ratio = values_of(
        nodes, [(sli.service, signal) for signal in ("load", "errors", "error_ratio")]
    ).T
    failed = np.where(np.isnan(failed), ratio * asked, failed)
    known = ~np.isnan(asked) & ~np.isnan(failed)
    (before, quiet), (during, now) = (
        (failed[bins][known[bins]].sum(), asked[bins][known[bins]].sum())
        for bins in (split.baseline, split.incident)
    )
    if not now > 0 or not quiet > 0:
        return 0.0
    failures = np.ceil(before + during)
    return float(binom.sf(np.ceil(during) - 1, failures, now / (quiet + now)))
