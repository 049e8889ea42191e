"""How strong a hidden common cause would have to be to explain an effect away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.cards import StatementCard, table_html
from workbench.causal.change_effects.change_data import COVARIATES, bins_around, prepare
from workbench.stats.ar_regression import least_squares, regress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["Sensitivity", "robustness_value", "sensitivity"]


@dataclass(frozen=True, slots=True, repr=False)
class Sensitivity(StatementCard):
    """Strength that a hidden common cause of a change and its effect would need.

    Parameters
    ----------
    change, service, sli
        Whose effect on what.
    robustness
        Share of what is left of both the change's timing and the service's own part that
        the hidden cause would have to explain to bring the effect to zero.
    robustness_interval
        The same to bring the 95 % interval to hold zero; 0 where it already does.
    traffic_on_change, traffic_on_own
        What traffic, which is measured, explains of each (partial R²).
    """

    change: str
    service: str
    sli: SLI
    robustness: float
    robustness_interval: float
    traffic_on_change: float
    traffic_on_own: float

    @property
    def times_traffic(self) -> float:
        """How often as strong as traffic (its stronger side) it would have to be."""
        strongest = max(self.traffic_on_change, self.traffic_on_own)
        return self.robustness_interval / strongest if strongest > 0 else float("inf")

    @property
    def statement(self) -> str:
        """The outcome in one sentence."""
        if self.robustness_interval == 0:
            return f"The effect of {self.change} is not sure even without a hidden common cause"
        return (
            f"To explain the effect of {self.change} away, a hidden common cause would have to "
            f"explain {100 * self.robustness:.0f} % of what is left of both its timing and "
            f"{self.service}'s own part ({100 * self.robustness_interval:.0f} % to make it "
            f"unsure); traffic explains {100 * self.traffic_on_change:.0f} % and "
            f"{100 * self.traffic_on_own:.0f} %"
        )

    def to_frame(self) -> pd.DataFrame:
        """One line a strength."""
        rows = (
            ("needed to bring the effect to zero", self.robustness),
            ("needed to make it unsure", self.robustness_interval),
            ("traffic on the change", self.traffic_on_change),
            ("traffic on the own part", self.traffic_on_own),
        )
        return pd.DataFrame(rows, columns=["strength", "partial R²"])

    def __repr__(self) -> str:
        """Write the statement."""
        return self.statement

    def _body(self) -> str:
        return table_html(self.to_frame())


def sensitivity(window: IncidentWindow, change: str, sli: SLI | None = None) -> Sensitivity:
    """Ask how strong an unobserved common cause would have to be.

    Parameters
    ----------
    window, change, sli
        As for `workbench.causal.effect`. Nothing is drawn at random.

    Raises
    ------
    UnknownName, BadInput
        As for `workbench.causal.effect`.

    Notes
    -----
    Robustness values of Cinelli and Hazlett (2020), with the t statistic and degrees of
    freedom of the autocorrelation-aware regression.
    """
    target = sli or window.sli()
    data = bins_around(prepare(window), change, target)
    after = data.treated["change"].to_numpy(float)
    own, traffic = (data.local[name].to_numpy(float) for name in ("own", COVARIATES[0]))
    traffic = (traffic - traffic.mean()) / (traffic.std() or 1.0)
    t, freedom = _statistic(own, np.column_stack([np.ones_like(after), after, traffic]))
    return Sensitivity(
        change=change,
        service=data.service,
        sli=target,
        robustness=robustness_value(t, freedom),
        robustness_interval=robustness_value(t, freedom, sure=True),
        traffic_on_change=_explained(after, traffic, np.ones((len(own), 1))),
        traffic_on_own=_explained(own, traffic, np.column_stack([np.ones_like(after), after])),
    )


def robustness_value(t: float, freedom: float, *, sure: bool = False) -> float:
    """Partial R² with treatment and outcome that a confounder needs to undo an effect.

    Parameters
    ----------
    t, freedom
        t statistic of the effect and its degrees of freedom.
    sure
        Whether to undo its being sure at 5 % rather than all of it.

    Examples
    --------
    >>> round(robustness_value(4.18, 783), 3), round(robustness_value(4.18, 783, sure=True), 3)
    (0.139, 0.076)
    """
    from scipy import stats

    f = abs(t) / np.sqrt(freedom)
    if sure:
        f -= float(stats.t.ppf(0.975, freedom - 1)) / np.sqrt(freedom - 1)
    if f <= 0:
        return 0.0
    return float((np.sqrt(f**4 + 4 * f**2) - f**2) / 2)


def _statistic(own: NDArray[np.float64], design: NDArray[np.float64]) -> tuple[float, float]:
    from scipy import stats

    found = regress(own[None], design[None])
    n, k = design.shape
    freedom = max(3.0, float((n - k) * found.effective_n[0] / n))
    error = float(found.high[0] - found.value[0]) / float(stats.t.ppf(0.975, freedom))
    return float(found.value[0]) / error if error > 0 else float("inf"), freedom


def _explained(
    outcome: NDArray[np.float64], by: NDArray[np.float64], given: NDArray[np.float64]
) -> float:
    """Share of what `given` leaves of `outcome` that `by` explains."""
    without = _left(outcome, given)
    return float(1 - _left(outcome, np.column_stack([given, by])) / without) if without else 0.0


def _left(outcome: NDArray[np.float64], design: NDArray[np.float64]) -> float:
    beta = least_squares(outcome[None], design[None])[0]
    return float(((outcome - design @ beta) ** 2).sum())
