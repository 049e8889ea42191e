"""Every number of the diagnosis that was fitted, what on, and how far it moves.

Ten weights of a conditional logit over places and kinds of fault (McFadden 1974), fitted by
likelihood on twelve systems, each weighing alike, and drawn towards one: a nat is worth a nat.
`python -m tests.benchmarks fitting` makes them anew, and scores each system by weights that were
fitted on the eleven others.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FITTED", "LEFT_OUT", "Weights"]


@dataclass(frozen=True, slots=True)
class Weights:
    """What each nat of evidence is worth for a hypothesis; no unit.

    Parameters
    ----------
    latency, own_time, gauge, share
        *Became slow*: latency and own time that rose, gauges that moved, and the logarithm of
        the part of the SLI's change that starts there.
    errors
        *Fails*: failures beyond those of its callees.
    lines
        *Behaves differently*: lines a request that rose beyond those of its callees, or vanished.
    load
        *Load*: requests that rose where nobody is known to call.
    covered
        Each of them: logarithm of the part of all that was seen that lies where the fault would
        show.
    hidden
        A place of which nothing is measured, for what its callers show: constant.
    none
        *None of the places*: constant.
    """

    latency: float
    own_time: float
    gauge: float
    share: float
    errors: float
    lines: float
    load: float
    covered: float
    hidden: float
    none: float


FITTED = Weights(
    latency=0.87,
    own_time=0.21,
    gauge=0.26,
    share=0.71,
    errors=0.84,
    lines=0.8,
    load=1.39,
    covered=0.54,
    hidden=-0.56,
    none=-0.02,
)
"""Fitted on all twelve systems: what the product uses on a system nobody has seen."""

LEFT_OUT: dict[str, tuple[float, float]] = {
    "latency": (0.79, 0.94),
    "own_time": (0.16, 0.4),
    "gauge": (0.2, 0.34),
    "share": (0.66, 0.76),
    "errors": (0.78, 0.88),
    "lines": (0.7, 0.92),
    "load": (1.21, 1.44),
    "covered": (0.5, 0.58),
    "hidden": (-0.58, -0.5),
    "none": (-0.04, -0.02),
}
"""Smallest and largest value of each weight over the twelve fits that leave one system out."""
