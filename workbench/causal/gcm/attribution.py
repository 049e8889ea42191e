"""What DoWhy attributes on the window's model: anomalies, changed distributions, arrows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.cards import StatementCard, bounds, quantity, table_html
from workbench.causal.gcm.scm import build_model, modelled, moved, study_of, totals
from workbench.causal.gcm.session import Deadline, load_gcm, quietly, seeded
from workbench.causal.thresholds import (
    ATTRIBUTION_PERMUTATIONS,
    ATTRIBUTION_REPEATS,
    ATTRIBUTION_ROUNDS,
    ATTRIBUTION_SAMPLES,
)
from workbench.errors import BadInput
from workbench.stats.block_bootstrap import block_length, block_rows, interval
from workbench.stats.partial_correlation import conditional_test, independence_test

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workbench.causal.attribution.study import Study
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

    Attribute = Callable[..., dict[str, float]]

__all__ = ["ModelAttribution", "anomaly_attribution", "distribution_change"]


@dataclass(frozen=True, slots=True, repr=False)
class ModelAttribution(StatementCard):
    """Parts of the SLI's change by service, as DoWhy attributes them on the same model.

    Parameters
    ----------
    sli
        The SLI.
    method
        Of DoWhy.
    moved
        Whether the SLI left its normal range; if not, nothing is attributed.
    parts
        Part by service, in the SLI's unit.
    low, high
        95 % intervals by service, from resamples by moving blocks.
    note
        Empty, or that the time was up.
    seed
        Of DoWhy and blocks.
    """

    sli: SLI
    method: str
    moved: bool
    parts: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    note: str = ""
    seed: int = 0

    @property
    def first(self) -> str | None:
        """The service with the largest part; None where the SLI did not move."""
        return max(self.parts, key=lambda name: abs(self.parts[name]), default=None)

    @property
    def statement(self) -> str:
        """The outcome in one sentence."""
        if self.first is None:
            return f"Nothing to attribute: {self.sli} stayed in its normal range"
        part = quantity(self.parts[self.first], self.sli.unit)
        told = f"DoWhy ({self.method}) puts most of the change of {self.sli} on {self.first}: "
        return f"{told}{part}" + (f" ({self.note})" if self.note else "")

    def to_frame(self) -> pd.DataFrame:
        """One line a service, the largest part first."""
        names = sorted(self.parts, key=lambda name: -abs(self.parts[name]))
        rows = [(n, self.parts[n], self.low[n], self.high[n], self.sli.unit) for n in names]
        return pd.DataFrame(rows, columns=["service", "part", "low", "high", "unit"])

    def __repr__(self) -> str:
        """Statement, then a line a service."""
        unit = self.sli.unit
        lines = [
            f"  {row.service}: {quantity(row.part, unit)} ({bounds(row.low, row.high, unit)})"
            for row in self.to_frame().itertuples()
        ]
        return "\n".join([self.statement, *lines])

    def _facts(self) -> dict[str, str]:
        return {"method": self.method}

    def _body(self) -> str:
        return table_html(self.to_frame()) if self.parts else ""


def distribution_change(
    window: IncidentWindow, sli: SLI | None = None, *, seed: int = 0, seconds: float = 8.0
) -> ModelAttribution:
    """Have DoWhy attribute the change of the SLI's mean to changes of own work.

    Parameters
    ----------
    window
        The incident window, with a baseline.
    sli
        The SLI; the first SLO's if None.
    seed
        Of DoWhy and blocks.
    seconds
        Time after which no further of ten resamples is begun: intervals need five of them.
        The attribution itself (a second or two for ten services) is always finished.

    Returns
    -------
    ModelAttribution
        Without parts where the SLI stayed in its normal range: DoWhy itself never abstains.

    Raises
    ------
    BadInput
        DoWhy could not fit the two stretches.

    Notes
    -----
    Shapley values of mechanisms exchanged for those of the incident (Budhathoki et al.
    2021), on known mechanisms; `workbench.causal.rank` is the answer and this the check.
    """
    found = study_of(window, sli)
    return _resampled(
        "distribution change", found, _distribution_change, seed=seed, seconds=seconds
    )


def anomaly_attribution(
    window: IncidentWindow, sli: SLI | None = None, *, seed: int = 0, seconds: float = 8.0
) -> ModelAttribution:
    """Have DoWhy attribute the incident's departure of the SLI to anomalous own work.

    Parameters
    ----------
    window, sli, seed, seconds
        As for `distribution_change`.

    Returns
    -------
    ModelAttribution
        Without parts where the SLI stayed in its normal range.

    Raises
    ------
    BadInput
        DoWhy could not fit the two stretches.

    Notes
    -----
    Shapley values of reconstructed noise (Janzing et al. 2019), of the deviation from the
    mean, so that parts have the SLI's unit and do not saturate as tail probabilities do.
    The mean bin of the incident stands for all of them: the model is linear, and DoWhy's
    time grows with the rows.
    """
    found = study_of(window, sli)
    return _resampled("anomaly attribution", found, _anomaly, seed=seed, seconds=seconds)


def _resampled(
    method: str,
    found: Study,
    attribute: Attribute,
    *,
    seed: int,
    seconds: float,
) -> ModelAttribution:
    """Attribute the two stretches, then resamples of them for as long as there is time."""
    if not moved(found):
        return ModelAttribution(found.sli, method, moved(found), {}, {}, {}, seed=seed)
    names, split, target = modelled(found), found.aligned.split, found.sli.service
    data = [totals(found, names, rows) for rows in (split.baseline, split.incident)]
    model = build_model(found, names, seed=seed)
    deadline, rng, rounds = Deadline(seconds), np.random.default_rng(seed), []
    with seeded(seed=seed), quietly():
        try:
            parts = attribute(model, *data, target, _shapley(len(names), ATTRIBUTION_PERMUTATIONS))
            for _ in () if deadline.over else deadline.batches(ATTRIBUTION_ROUNDS, 1):
                again = (_blocks(part, found, rng) for part in data)
                rounds.append(
                    attribute(model, *again, target, _shapley(len(names), ATTRIBUTION_REPEATS))
                )
        except (ValueError, ZeroDivisionError, np.linalg.LinAlgError) as error:
            hint = "Use workbench.causal.rank, which needs no such fit"
            fact = f"DoWhy could not do a {method}"
            raise BadInput(fact, value=str(error), hint=hint) from error
    note = deadline.note or ("" if rounds else f"stopped at {seconds:g} s: partial, no intervals")
    spans = {n: interval(v, np.array([r[n] for r in rounds])) for n, v in parts.items()}
    low, high = ({n: span[side] for n, span in spans.items()} for side in (0, 1))
    return ModelAttribution(found.sli, method, moved(found), parts, low, high, note, seed)


def _blocks(data: pd.DataFrame, found: Study, rng: np.random.Generator) -> pd.DataFrame:
    length = block_length(data[found.sli.service].to_numpy())
    rows = block_rows(len(data), length, 1, rng=rng)[0]
    return data.iloc[rows].reset_index(drop=True)


def _distribution_change(
    model: Any,  # noqa: ANN401
    before: pd.DataFrame,
    during: pd.DataFrame,
    target: str,
    shapley: Any,  # noqa: ANN401
) -> dict[str, float]:
    parts = load_gcm().distribution_change(
        model,
        before,
        during,
        target,
        num_samples=ATTRIBUTION_SAMPLES,
        difference_estimation_func=lambda x, y: float(np.mean(y) - np.mean(x)),
        independence_test=independence_test,
        conditional_independence_test=conditional_test,
        shapley_config=shapley,
    )
    return {str(name): float(part) for name, part in parts.items()}


def _anomaly(
    model: Any,  # noqa: ANN401
    before: pd.DataFrame,
    during: pd.DataFrame,
    target: str,
    shapley: Any,  # noqa: ANN401
) -> dict[str, float]:
    from dowhy.gcm.anomaly_scorer import AnomalyScorer

    class Itself(AnomalyScorer):  # type: ignore[misc]  # DoWhy has no types
        """Deviation in the SLI's own unit, with its sign."""

        def fit(self, X: np.ndarray) -> None:
            """Nothing is learned."""

        def score(self, X: np.ndarray) -> np.ndarray:
            return np.asarray(X, dtype=float).reshape(-1)

    parts = load_gcm().attribute_anomalies(
        model,
        target,
        during.mean().to_frame().T,
        anomaly_scorer=Itself(),
        attribute_mean_deviation=True,
        num_distribution_samples=ATTRIBUTION_SAMPLES,
        shapley_config=shapley,
    )
    return {str(name): float(np.mean(part)) for name, part in parts.items()}


def _shapley(players: int, permutations: int) -> Any:  # noqa: ANN401
    """Exact or by permutations: other methods are silently wrong with scikit-learn 1.9."""
    from dowhy.gcm.shapley import ShapleyApproximationMethods, ShapleyConfig

    few = 2**players <= permutations * players
    method = ShapleyApproximationMethods.EXACT if few else ShapleyApproximationMethods.PERMUTATION
    return ShapleyConfig(approximation_method=method, num_permutations=permutations, n_jobs=1)
