from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from planted import START, Fault, ar1, counter_rows, metrics_window
from workbench import SLI, IncidentWindow, TimeRange, correlate
from workbench.correlate import associate, association, effective_size
from workbench.errors import BadInput, UnknownName


def pairs(phi, n=100, runs=60, width=20, seed=1):
    rng = np.random.default_rng(seed)
    for _ in range(runs):
        yield ar1(n, phi, rng)[:, 0], ar1(n, phi, rng, columns=width)


def fires(phi, n=100):
    """Share of independent pairs called associated at the 5 % level."""
    hits = [
        associate(x, y, max_lag=5, surrogates=199, seed=i).p_value <= 0.05
        for i, (x, y) in enumerate(pairs(phi, n))
    ]
    return float(np.mean(hits))


def naive_fires(phi):
    """The same with the textbook p-value at the best of the lags."""
    hits = []
    for x, y in pairs(phi, runs=6):
        for column in y.T:
            best = min(
                spearmanr(
                    x[max(k, 0) : 100 + min(k, 0)], column[max(-k, 0) : 100 - max(k, 0)]
                ).pvalue
                for k in range(-5, 6)
            )
            hits.append(best <= 0.05)
    return float(np.mean(hits))


@pytest.mark.slow
@pytest.mark.parametrize(("phi", "n"), [(0.0, 100), (0.8, 100), (0.8, 60), (0.95, 100)])
def test_unrelated_series_are_called_related_one_time_in_twenty(phi, n):
    assert fires(phi, n) <= 0.065


@pytest.mark.slow
def test_the_textbook_test_calls_most_unrelated_pairs_related():
    assert naive_fires(0.8) > 0.5


def test_a_real_association_is_found_at_its_lag():
    rng = np.random.default_rng(0)
    driver = ar1(203, 0.7, rng)[:, 0]
    early, late = driver[3:], driver[:-3] + 0.5 * rng.standard_normal(200)
    found = associate(late, early[:, None], max_lag=8)
    assert found.lag[0] == 3  # the candidate moves first
    assert associate(early, late[:, None], max_lag=8).lag[0] == -3
    assert found.p_value[0] < 0.01
    assert found.correlation[0] > 0.7


def test_without_lags_and_gaps_it_is_spearman():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(50), rng.integers(0, 5, (50, 3)).astype(float)
    found = associate(x, y, max_lag=0, surrogates=19)
    expected = [spearmanr(x, column).statistic for column in y.T]
    assert found.correlation == pytest.approx(expected)


def test_gaps_are_left_out_not_filled():
    rng = np.random.default_rng(0)
    x = ar1(120, 0.5, rng)[:, 0]
    y = x + 0.3 * rng.standard_normal(120)
    y[30:60] = np.nan
    rho, p = association(x, y)
    assert rho > 0.85
    assert p < 0.01


def test_a_flat_or_absent_series_has_no_correlation():
    x = ar1(60, 0.5, np.random.default_rng(0))[:, 0]
    y = np.column_stack([np.ones(60), np.full(60, np.nan), np.r_[x[:5], np.full(55, np.nan)]])
    found = associate(x, y, max_lag=2, surrogates=19)
    assert np.isnan(found.correlation).all()
    assert np.isnan(found.p_value).all()


def test_the_seed_decides():
    x, y = next(pairs(0.8))
    one, two = (associate(x, y, max_lag=3, surrogates=99, seed=5) for _ in range(2))
    assert np.array_equal(one.p_value, two.p_value)
    assert not np.array_equal(
        one.p_value, associate(x, y, max_lag=3, surrogates=99, seed=6).p_value
    )


def test_memory_costs_independent_bins():
    rng = np.random.default_rng(0)
    white = effective_size(
        *(ar1(500, 0.0, rng, columns=c)[:, 0 if c == 1 else slice(None)] for c in (1, 9))
    )
    slow = effective_size(
        *(ar1(500, 0.9, rng, columns=c)[:, 0 if c == 1 else slice(None)] for c in (1, 9))
    )
    assert white.mean() > 400
    assert slow.mean() < 150
    assert (slow >= 2).all()


# ---- on windows


def test_the_planted_fault_and_its_path_come_first():
    window = metrics_window(faults=(Fault("db", "errors", 0.1),), signal="errors")
    frame = correlate.rank(window).to_frame()
    top = set(zip(frame["service"][:3], frame["signal"][:3], strict=True))
    assert top == {("db", "errors"), ("orders", "errors"), ("checkout", "errors")}
    assert (frame["p_value"][:3] <= 0.05).all()
    assert frame["rank"].tolist() == list(range(1, len(frame) + 1))


def test_the_sli_itself_is_left_out(slow_payments):
    found = correlate.rank(slow_payments, "checkout/latency")
    assert found.sli == SLI("checkout", "latency")
    assert ("checkout", "latency") not in {(r.service, r.signal) for r in found.rows}


def test_strongest_first_undefined_last(slow_payments):
    frame = correlate.rank(slow_payments).to_frame()
    strength = frame["correlation"].abs()
    assert strength.dropna().is_monotonic_decreasing
    assert strength.isna().to_numpy()[strength.notna().sum() :].all()


def test_ties_follow_the_seed_not_the_name():
    values = ar1(60, 0.5, np.random.default_rng(0))[:, 0] + 10
    rows = [counter_rows("service.latency", "sli", values, every_s=60, kind="gauge")]
    rows += [counter_rows("cpu", f"twin{i}", values, every_s=60, kind="gauge") for i in range(6)]
    when = TimeRange(START + pd.Timedelta("45min"), START + pd.Timedelta("60min"))
    window = IncidentWindow.from_frames(when=when, metrics=pd.concat(rows))
    orders = {
        tuple(r.service for r in correlate.rank(window, "sli/latency", seed=s).rows)
        for s in range(6)
    }
    assert len(orders) > 1
    first = correlate.rank(window, "sli/latency", seed=3).rows
    assert first == correlate.rank(window, "sli/latency", seed=3).rows


def test_findings_are_those_beyond_chance(slow_payments):
    found = correlate.rank(slow_payments)
    findings = found.findings()
    assert len(findings) == sum(r.p_value <= 0.05 for r in found.rows)
    assert all(f.claim == "correlated" for f in findings)
    assert "seed=0" in findings[0].method


@pytest.mark.slow
def test_quiet_windows_have_few_findings():
    unrelated = {"payments", "db", "cache", "orders"}
    hits = [
        row.p_value <= 0.05
        for seed in range(12)
        for row in correlate.rank(metrics_window(seed=seed, bins=80), seed=seed).rows
        if row.service in unrelated and row.signal == "latency"
    ]
    assert np.mean(hits) <= 0.25


def test_what_happens_after_the_incident_is_not_used(slow_payments):
    end = slow_payments.when.start + pd.Timedelta("10min")
    short = slow_payments.between(slow_payments.when.start, end)
    assert correlate.rank(short).bins == 100


def test_it_shows_itself_without_markup_of_others():
    evil = "<script>alert(1)</script>"
    values = ar1(60, 0.5, np.random.default_rng(0))[:, 0] + 10
    rows = [
        counter_rows("service.latency", s, values, every_s=60, kind="gauge") for s in (evil, "sli")
    ]
    when = TimeRange(START + pd.Timedelta("45min"), START + pd.Timedelta("60min"))
    found = correlate.rank(
        IncidentWindow.from_frames(when=when, metrics=pd.concat(rows)), "sli/latency"
    )
    assert "<script" not in found._repr_html_()
    assert "&lt;script" in found._repr_html_()
    assert "Spearman" in repr(found.findings())


def test_what_cannot_be_ranked_is_told(slow_payments):
    with pytest.raises(UnknownName, match="Did you mean 'payments'"):
        correlate.rank(slow_payments, "paymnts/latency")
    short = metrics_window(bins=6)
    with pytest.raises(BadInput, match="Too few bins"):
        correlate.rank(short)
