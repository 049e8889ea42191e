"""What users felt, counted; and when it was over."""

from __future__ import annotations

import pandas as pd
import pytest

from postmortem_case import END, ONSET, WHEN, metric_rows, window_of
from workbench import TimeRange
from workbench.postmortem.numbers import epoch
from workbench.postmortem.recipes.impact import budget_figures, impact_end, impact_figures
from workbench.tables import conform

WINDOW = window_of()
HURT = {"from": epoch(ONSET), "to": epoch(END)}
AFTER = TimeRange(ONSET, WHEN.end)


def with_metrics(change) -> object:
    metrics = conform("metrics", change(metric_rows()))
    return WINDOW.with_(tables={**WINDOW.tables, "metrics": metrics})


def test_failures_beyond_the_usual_share():
    figures = impact_figures(WINDOW, {"service": "storefront", **HURT})
    assert figures["requests"] == pytest.approx(6000, rel=0.01)
    assert figures["failed"] == pytest.approx(610)
    assert figures["failed beyond"] == pytest.approx(600, abs=1)
    assert figures["failed"] - figures["failed usual"] == pytest.approx(figures["failed beyond"])


def test_slow_requests_by_the_share_of_spans():
    figures = impact_figures(WINDOW, {"service": "storefront", **HURT})
    assert figures["threshold"] == 0.3
    assert figures["spans"] == 120
    assert figures["slow"] == pytest.approx(figures["requests"])


def test_a_service_that_recovered_by_itself_lost_nothing():
    figures = impact_figures(WINDOW, {"service": "catalog", **HURT})
    assert "failed" not in figures
    assert "slow" not in figures


def test_nothing_is_counted_without_an_impact_or_a_baseline():
    none = {"service": "storefront", "from": None, "to": None}
    assert impact_figures(WINDOW, none) == {}
    bare = WINDOW.with_(baseline=None)
    assert impact_figures(bare, {"service": "storefront", **HURT}) == {}
    assert "good checkout/spent" not in budget_figures(bare, HURT)


def test_the_end_is_the_last_bin_outside_the_usual_range():
    end, how = impact_end(WINDOW, "storefront/latency", AFTER)
    assert end == END
    assert "measured" in how


def test_a_single_odd_bin_does_not_prolong_it():
    def odd(metrics: pd.DataFrame) -> pd.DataFrame:
        late = (metrics["ts"] == END + pd.Timedelta(5, "min")) & (
            metrics["service"] == "storefront"
        )
        return metrics.assign(value=metrics["value"].mask(late, 9.0))

    assert impact_end(with_metrics(odd), "storefront/latency", AFTER)[0] == END


def test_an_impact_that_lasts_has_no_end():
    def lasting(metrics: pd.DataFrame) -> pd.DataFrame:
        late = (metrics["ts"] >= END) & (metrics["metric"] == "service.latency")
        return metrics.assign(value=metrics["value"].mask(late, 0.5))

    end, why = impact_end(with_metrics(lasting), "storefront/latency", AFTER)
    assert end is None
    assert "still outside" in why


def test_a_load_that_fell_is_outside_too():
    def fell(metrics: pd.DataFrame) -> pd.DataFrame:
        during = (metrics["ts"] >= ONSET) & (metrics["ts"] < END)
        load = metrics["metric"] == "service.load"
        return metrics.assign(value=metrics["value"].mask(during & load, 5.0))

    window = with_metrics(fell)
    assert impact_end(window, "storefront/load", TimeRange(ONSET, END + (END - ONSET)))[0] == END


@pytest.mark.parametrize("sli", ["nobody/latency", "catalog/errors"])
def test_an_sli_nobody_measured_has_no_end(sli):
    assert impact_end(WINDOW, sli, AFTER) == (None, "SLI not recorded")
