import numpy as np
import pytest

from node_windows import node_window, shifted
from workbench import SLI
from workbench.causal.attribution.breakdown import break_down
from workbench.features import signals
from workbench.features.nearest import nearest_columns, signal_column

LOAD, TIME = "service.load", "service.latency"


def breakdown(series, names, signal="latency"):
    window = node_window(series, [("front", "api")])
    return break_down(signals(window), names, SLI("front", signal))


def test_work_is_seconds_per_request_of_the_slis_service():
    series = {
        ("front", LOAD): shifted(100, 100, noise=0),
        ("front", TIME): shifted(0.2, 0.2, noise=0),
        ("api", LOAD): shifted(300, 300, noise=0),
        ("api", TIME): shifted(0.05, 0.05, noise=0),
    }
    found = breakdown(series, ["front", "api"])
    assert found.total[0] == pytest.approx([0.2, 0.15])
    assert found.is_mean


def test_no_request_is_no_work_and_a_gap_is_a_gap():
    idle = shifted(300, 300, noise=0)
    idle[:10] = 0
    slow = shifted(0.05, 0.05, noise=0)
    slow[20:30] = np.nan
    series = {
        ("front", LOAD): shifted(100, 100),
        ("front", TIME): shifted(0.2, 0.2),
        ("api", LOAD): idle,
        ("api", TIME): slow,
    }
    found = breakdown(series, ["front", "api"]).total[:, 1]
    assert (found[:10] == 0).all()
    assert np.isnan(found[20:30]).all()


def test_calls_for_each_request_are_counted():
    series = {
        ("front", LOAD): shifted(100, 100, noise=0),
        ("front", TIME): shifted(0.2, 0.2, noise=0),
        ("api", LOAD): shifted(200, 600, noise=0),
        ("api", TIME): shifted(0.05, 0.05, noise=0),
        ("front", "api", "edge.calls"): shifted(200, 600, noise=0),
        ("front", "api", "edge.latency"): shifted(0.05, 0.05, noise=0),
    }
    found = breakdown(series, ["front", "api"])
    assert found.calls == ((0, 1),)
    assert found.passed[[0, -1], 0] == pytest.approx([0.1, 0.3])
    assert found.calls_per_request[[0, -1], 0] == pytest.approx([2.0, 6.0])


def test_waiting_common_to_all_callees_stays_with_the_caller():
    names = ["a", "b", "c"]
    series = {("front", LOAD): shifted(100, 100, noise=0), ("front", TIME): shifted(0.2, 0.5)}
    for name in names:
        series |= {
            (name, LOAD): shifted(100, 100, noise=0),
            (name, TIME): shifted(0.05, 0.05, noise=0),
            ("front", name, "edge.calls"): shifted(100, 100, noise=0),
            ("front", name, "edge.latency"): shifted(0.06, 0.16, noise=0),
            ("front", name, "edge.latency_callee"): shifted(0.05, 0.05, noise=0),
        }
    found = breakdown(series, ["front", *names])
    assert found.passed[-1] == pytest.approx(found.passed[0])


def test_quantiles_are_not_exact():
    series = {("front", LOAD): shifted(100, 100), ("front", "service.latency_p90"): shifted(1, 1)}
    assert not breakdown(series, ["front"]).is_mean


def test_many_services_are_read_as_one_is():
    gap = np.full(len(shifted(0, 0)), np.nan)
    series = {
        ("front", TIME): shifted(0.2, 0.2),
        ("front", "service.latency_p50"): shifted(0.1, 0.1),
        ("api", TIME): gap,
        ("api", "service.latency_p90"): shifted(0.3, 0.3),
        ("db", LOAD): shifted(100, 100),
    }
    nodes = signals(node_window(series, [("front", "api")])).nodes
    values, names = nearest_columns(nodes, ["front", "api", "db"], "latency")
    assert names == ["latency", "latency_p90", ""]
    for column, service in enumerate(("front", "api")):
        assert values[:, column] == pytest.approx(signal_column(nodes, service, "latency"))
    assert np.isnan(values[:, 2]).all()


def test_a_callee_without_telemetry_is_the_sum_of_what_its_callers_saw():
    gappy = shifted(0.5, 0.5, noise=0)
    gappy[:5] = np.nan
    series = {
        ("front", LOAD): shifted(100, 100, noise=0),
        ("front", TIME): shifted(0.2, 0.2, noise=0),
        ("front", "db", "edge.errors"): shifted(10, 10, noise=0),
        ("api", "db", "edge.errors"): np.where(np.isnan(gappy), np.nan, 20.0),
        ("api", LOAD): shifted(100, 100, noise=0),
        ("api", TIME): shifted(0.2, 0.2, noise=0),
    }
    found = breakdown(series, ["front", "api", "db"], "errors")
    assert found.total[:, 2] == pytest.approx(np.where(np.isnan(gappy), 0.1, 0.3))
