"""How queries for counts are laid out: a point counts the stretch to the next, and no more."""

import pytest

from workbench.connectors.sources.prometheus.counting import duration, laid_out
from workbench.connectors.sources.prometheus.metric_query import MetricQuery


def laid(promql, name="service.load", step_s=15.0, **more):
    return laid_out(MetricQuery(promql=promql, name=name, **more), step_s)


@pytest.mark.parametrize("seconds", [60, 300])
def test_a_range_grows_to_the_step_so_that_nothing_is_left_out(seconds):
    query, told = laid("increase(x[$range])", step_s=seconds, range_s=60)
    assert query.promql == f"increase(x[{seconds // 60}m])"
    assert query.range_s == seconds
    assert not told


@pytest.mark.parametrize(
    ("promql", "range_s"),
    [
        ("sum(increase(x[1m]))", 60),
        ("sum(increase(x[ 90s ]))", 90),
        ("sum by (a) (increase(x[1h30m])) or increase(y[1h30m])", 5400),
        ("sum(sum_over_time(x[2m]))", 120),
        ('sum(increase(x{path="[5m]"}[1m]))', 60),
        ("sum(increase(x[1m:15s]))", 60),
    ],
)
def test_the_range_of_a_query_of_ones_own_is_read_from_it(promql, range_s):
    query, told = laid(promql)
    assert query.range_s == range_s
    assert query.promql == promql
    assert not told


def test_a_rate_is_counted_over_its_range():
    query, told = laid("sum(rate(x[2m]))")
    assert query.promql == "(sum(rate(x[2m]))) * 120"
    assert query.range_s == 120
    assert "a rate a second" in told


@pytest.mark.parametrize("promql", ["x_total", 'x_total{a="b"}'])
def test_a_counter_is_read_as_its_increase(promql):
    query, told = laid(promql, step_s=30)
    assert query.promql == f"increase({promql}[1m])"
    assert not query.is_raw
    assert "its increase" in told


@pytest.mark.parametrize(
    "promql", ["job:requests:increase1m", "sum(a)", "increase(a[1m]) + increase(b[5m])"]
)
def test_what_does_not_say_its_stretch_is_told(promql):
    query, told = laid(promql)
    assert query.promql == promql
    assert "not known" in told


def test_what_is_no_count_is_left_as_it_is():
    query, told = laid("sum(increase(x[1m]))", name="queue.length")
    assert (query.range_s, told) == (0, "")


def test_durations_are_written_as_promql_has_them():
    assert [duration(s) for s in (0.5, 15, 90, 60, 3600, 5400)] == [
        "500ms",
        "15s",
        "90s",
        "1m",
        "1h",
        "90m",
    ]
