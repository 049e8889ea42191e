"""How strong a hidden common cause would have to be: published figures, windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from planted import START, Fault, metrics_window
from workbench.causal.change_effects.sensitivity import robustness_value


def told(service: str) -> pd.DataFrame:
    return pd.DataFrame(
        [{"ts": START + pd.Timedelta(90, "min"), "kind": "deploy", "service": service, "ref": "d"}]
    )


def test_the_published_example():
    """Darfur, in Cinelli and Hazlett (2020): t = 4.18 on 783 degrees of freedom."""
    assert robustness_value(4.18, 783) == pytest.approx(0.139, abs=5e-4)
    assert robustness_value(4.18, 783, sure=True) == pytest.approx(0.076, abs=5e-4)


def test_a_confounder_of_that_strength_would_undo_it():
    """Omitted-variable bias with both partial R² at the robustness value is the effect."""
    t, freedom = 5.0, 60.0
    r2 = robustness_value(t, freedom)
    bias_in_errors = np.sqrt(r2 * r2 / (1 - r2) * freedom)
    assert bias_in_errors == pytest.approx(t)


def test_an_unsure_effect_needs_no_confounder():
    assert robustness_value(1.0, 50, sure=True) == 0.0
    assert robustness_value(0.0, 50) == 0.0


def test_a_guilty_deploy_is_far_stronger_than_traffic():
    window = metrics_window(
        faults=(Fault("payments", "latency", 0.2),), seed=1, changes=told("payments")
    )
    found = wb.causal.sensitivity(window, "d")
    assert found.robustness > found.robustness_interval > 0.5
    assert found.times_traffic > 1
    assert "hidden common cause would have to explain" in found.statement
    assert len(found.to_frame()) == 4
    assert "traffic on the change" in found._repr_html_()


def test_an_innocent_deploy_is_not_sure_to_begin_with():
    window = metrics_window(
        faults=(Fault("payments", "latency", 0.2),), seed=1, changes=told("catalog")
    )
    found = wb.causal.sensitivity(window, "d")
    assert found.robustness_interval == 0
    assert "not sure even without" in found.statement
