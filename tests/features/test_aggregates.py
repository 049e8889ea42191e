import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import START
from workbench.features.aggregates import aggregate_columns
from workbench.features.grid import Grid
from workbench.features.metric_series import split_series
from workbench.features.saturation import saturation_columns
from workbench.tables import conform

SIZE = 12
GRID = Grid(START.value, 60 * 10**9, SIZE)
PLACES = [
    ("cart", "service.load", "{}"),
    ("cart", "service.latency", "{}"),
    ("front", "service.errors", '{"zone":"a"}'),
    ("front", "edge.calls", '{"peer":"cart"}'),
    ("front", "edge.latency", '{"peer":"cart"}'),
    ("cart", "queue_depth", "{}"),
]


def table(samples):
    """Rows of (place, seconds, value)."""
    rows = [
        (START + pd.Timedelta(s, "s"), PLACES[p][1], v, PLACES[p][0], PLACES[p][2])
        for p, s, v in samples
    ]
    return conform(
        "metrics", pd.DataFrame(rows, columns=["ts", "metric", "value", "service", "labels"])
    )


def read(metrics):
    nodes, edges = aggregate_columns(metrics, GRID)
    gauges = saturation_columns(split_series(metrics), GRID)
    return {place: values for place, (values, _) in {**nodes, **edges, **gauges}.items()}


def key(place):
    service, metric, _ = PLACES[place]
    if metric.startswith("edge."):
        return service, "cart", metric.removeprefix("edge.")
    name = metric.removeprefix("service.")
    return service, name if name != metric else f"saturation:{metric}"


VALUES = st.one_of(st.floats(0.5, 1e6), st.sampled_from([0.0, np.nan, np.inf]))


@st.composite
def one_a_bin(draw):
    """At most one sample a bin of each place, anywhere inside it, in any order."""
    cells = draw(st.sets(st.tuples(st.integers(0, 5), st.integers(0, SIZE - 1)), min_size=1))
    return draw(
        st.permutations(
            [
                (place, 60 * at + draw(st.integers(0, 59)), draw(VALUES))
                for place, at in sorted(cells)
            ]
        )
    )


@pytest.mark.slow
@given(one_a_bin())
def test_one_sample_a_bin_is_its_value_and_everything_else_a_gap(samples):
    found = read(table(samples))
    for place in {place for place, _, _ in samples}:
        wanted = np.full(SIZE, np.nan)
        for _, second, value in (s for s in samples if s[0] == place):
            wanted[second // 60] = value if np.isfinite(value) else np.nan
        idle = found.get(("cart", "load")) if key(place) == ("cart", "latency") else None
        idle = found.get((*key(place)[:-1], "calls")) if place == 4 else idle
        if idle is not None:
            wanted[idle == 0] = np.nan
        known = found.get(key(place), np.full(SIZE, np.nan))
        assert known == pytest.approx(wanted, nan_ok=True)


@pytest.mark.slow
@given(one_a_bin(), st.integers(0, 100))
def test_a_sample_sent_twice_changes_nothing(samples, at):
    again = [*samples, samples[at % len(samples)]]
    once, twice = read(table(samples)), read(table(again))
    assert set(once) == set(twice)
    for place, values in once.items():
        assert twice[place] == pytest.approx(values, nan_ok=True)


def test_of_several_samples_at_one_time_the_last_counts():
    found = read(table([(0, 30, 5.0), (0, 30, 7.0), (5, 30, 1.0), (5, 30, 3.0)]))
    assert found["cart", "load"][0] == 7.0
    assert found["cart", "saturation:queue_depth"][0] == 3.0


def test_bins_wider_than_the_cadence_add_counts_and_weigh_latencies():
    samples = [(0, 0, 10.0), (0, 30, 30.0), (1, 0, 0.1), (1, 30, 0.5), (5, 0, 1.0), (5, 30, 2.0)]
    found = read(table(samples))
    assert found["cart", "load"][0] == 40.0
    assert found["cart", "latency"][0] == pytest.approx((10 * 0.1 + 30 * 0.5) / 40)
    assert found["cart", "saturation:queue_depth"][0] == 1.5


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_rows_read_at_once_do_not_matter(rows, monkeypatch):
    samples = [
        (place, 60 * at + place, float(place + at)) for at in range(SIZE) for place in range(6)
    ]
    whole = read(table(samples))
    monkeypatch.setattr("workbench.features.aggregates._ROWS_AT_ONCE", rows)
    for place, values in read(table(samples)).items():
        assert values == pytest.approx(whole[place], nan_ok=True)
