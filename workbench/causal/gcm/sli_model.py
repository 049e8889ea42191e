"""The model of one SLI, asked what the SLI is spared when a service does less itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.causal.gcm.scm import (
    build_model,
    check_modelled,
    counterfactual_with,
    study_of,
    totals,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.causal.attribution.study import Study
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["SliModel"]


@dataclass(frozen=True, slots=True, eq=False)
class SliModel:
    """A fitted model, and the study that it was read from.

    Parameters
    ----------
    study
        Accounts of the SLI.
    names
        Services in the model.
    service
        The one asked about.
    model
        DoWhy's, fitted on the baseline.
    sample
        Totals of all services by bin of the incident, seconds or failures per request.
    seed
        Of DoWhy.
    """

    study: Study
    names: list[str]
    service: str
    model: Any
    sample: pd.DataFrame
    seed: int

    @classmethod
    def of(
        cls, window: IncidentWindow, service: str, sli: SLI | None = None, *, seed: int
    ) -> SliModel:
        """Fit the model of the SLI that a service's own work is asked about.

        Raises
        ------
        UnknownName, BadInput
            A service nobody knows, or one that the SLI's requests do not reach.
        """
        window.check_service(service)
        study = study_of(window, sli)
        names = check_modelled(study, service)
        sample = totals(study, names, study.aligned.split.incident)
        return cls(study, names, service, build_model(study, names, seed=seed), sample, seed)

    def spared(self, own_less: float, rows: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        """Tell what each bin of the SLI is spared when the service's total is lowered.

        Parameters
        ----------
        own_less
            What is taken off the service's total, in the SLI's unit; below zero adds to it.
        rows
            Places of bins in the incident; all if None.
        """
        sample = self.sample if rows is None else self.sample.iloc[rows]
        imagined = counterfactual_with(self.model, {self.service: own_less}, sample, seed=self.seed)
        entry = self.study.sli.service
        spared: NDArray[np.float64] = sample[entry].to_numpy() - imagined[entry].to_numpy()
        return spared
