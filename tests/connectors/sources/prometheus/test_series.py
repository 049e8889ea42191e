"""Series of an HA pair are one, replicas of a service are not; ``vmrange`` is read as ``le``."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.connectors.sources.prometheus.payload import read_samples
from workbench.connectors.sources.prometheus.series import bounded, unreplicated, without_bounds
from workbench.features.series import bucket_quantile


def samples(*series):
    """Read series of `(labels, times in s, values)`."""
    result = [
        {"metric": labels, "values": [[t, str(v)] for t, v in zip(times, values, strict=True)]}
        for labels, times, values in series
    ]
    return read_samples({"resultType": "matrix", "result": result})


def pair(value, label="prometheus_replica", **more):
    """The same counter as two servers scraped it, half an interval apart."""
    known = {"__name__": "requests_total", "instance": "a", **more}
    times = np.arange(0, 600, 15.0)
    return samples(
        *(
            ({**known, label: str(n)}, times + 7.5 * n, [value(t + 7.5 * n) for t in times])
            for n in range(2)
        )
    )


@pytest.mark.parametrize("label", ["prometheus_replica", "replica", "ha_replica", "Replica"])
def test_an_ha_pair_is_one_series(label):
    found, joined = unreplicated(pair(lambda t: 100 + t, label), ("prometheus_replica", "replica"))
    assert joined == {label: 1}
    assert found.series == ({"__name__": "requests_total", "instance": "a"},)
    assert len(found) == 80
    assert (np.diff(found.ts_ms) > 0).all()


def test_an_ha_pair_over_a_restart_is_one_series():
    found, _ = unreplicated(pair(lambda t: t if t < 300 else t - 300), ("prometheus_replica",))
    assert len(found.series) == 1


def test_replicas_of_a_service_stay_apart():
    times = np.arange(0, 600, 15.0)
    two = samples(
        *(
            ({"replica": str(n)}, times + n, [1000 * n + t * (n + 1) for t in times])
            for n in range(2)
        )
    )
    found, joined = unreplicated(two, ("replica",))
    assert len(found.series) == 2
    assert not joined


def test_series_that_differ_in_more_stay_apart():
    two = samples(
        ({"prometheus_replica": "0", "instance": "a"}, [0, 15], [1, 2]),
        ({"prometheus_replica": "1", "instance": "b"}, [5, 20], [1, 2]),
    )
    assert unreplicated(two, ("prometheus_replica",))[1] == {}


def test_ranges_of_buckets_are_cumulative_up_to_their_edges():
    times = [0, 60, 120]
    known = {"__name__": "lat_bucket", "instance": "a"}
    found, read = bounded(
        samples(
            ({**known, "vmrange": "0...1.000e-09"}, times, [1, 1, 1]),
            ({**known, "vmrange": "1.000e-01...1.136e-01"}, times, [10, 20, 40]),
            ({**known, "vmrange": "1.000e+18...+Inf"}, [120], [2]),
            ({"__name__": "other", "instance": "a"}, times, [5, 6, 7]),
        )
    )
    assert read == 3
    by_bound = {
        labels.get("le"): list(found.value[found.index == n])
        for n, labels in enumerate(found.series)
    }
    assert by_bound[None] == [5, 6, 7]
    assert by_bound["0.1"] == [1, 1, 1]
    assert by_bound["0.1136"] == [11, 21, 41]
    assert by_bound["+Inf"] == [11, 21, 43]
    assert not any("vmrange" in labels for labels in found.series)
    bounds = sorted(float(bound) for bound in by_bound if bound)
    counts = np.array([[by_bound[text][1] for text in sorted(set(by_bound) - {None}, key=float)]])
    assert bucket_quantile(counts, np.array(bounds), 0.5)[0] == pytest.approx(0.107, abs=0.01)


def test_buckets_without_bounds_are_counted():
    assert without_bounds(samples(({"__name__": "a_bucket"}, [0], [1]))) == 1
    assert without_bounds(samples(({"__name__": "a_bucket", "le": "1"}, [0], [1]))) == 0


def test_what_a_plain_replica_alone_tells_apart_may_be_the_service_s():
    apart = [({"__name__": "up", "replica": str(n)}, [0, 15], [1, 1]) for n in range(2)]
    assert unreplicated(samples(*apart), ("replica",), always=True)[1] == {}
    scraped = [({**labels, "instance": "a"}, times, values) for labels, times, values in apart]
    assert unreplicated(samples(*scraped), ("replica",), always=True)[1] == {"replica": 1}
