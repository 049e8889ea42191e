"""Which signals are compared, whom they speak for, and by what they are divided."""

import numpy as np
import pytest

from planted import System, logs_frame, metrics_window, spans_window
from workbench.causal.evidence.ratios import families
from workbench.features import align

CHAIN = {"front": {"api": 1.0, "cart": 1.0}, "api": {"db": 2.0}, "cart": {"cache": 1.0}}


def by_name(window):
    return {family.name: family for family in families(align(window))}


def test_calls_speak_for_the_callee():
    found = by_name(metrics_window(System(CHAIN), seed=0))["call latency"]
    assert ("db", "api") in set(zip(found.services, found.keys, strict=True))
    assert found.counted.all()


def test_latency_is_seconds_over_requests():
    window = metrics_window(System(CHAIN), seed=0)
    found, aligned = by_name(window)["latency"], align(window)
    at = found.services.index("api")
    load = aligned.nodes[("api", "load")].to_numpy(float)
    seconds = aligned.nodes[("api", "latency")].to_numpy(float)
    assert found.below[at] == pytest.approx(np.nan_to_num(load))
    assert found.above[at] == pytest.approx(np.nan_to_num(load * seconds))


def test_own_time_comes_from_spans_alone():
    assert "own time" not in by_name(metrics_window(System(CHAIN), seed=0))
    assert "own time" in by_name(spans_window(System(CHAIN), seed=0, minutes=4, rate=1.0))


def test_lines_of_one_template_are_counted_together():
    lines = [(60.0 * i, "api", 9, f"order {i} from 10.0.0.{i % 9}") for i in range(20)]
    lines += [(30.0, "api", 17, "cannot reach the store")]
    found = by_name(metrics_window(System(CHAIN), seed=0, logs=logs_frame(lines)))["log"]
    counts = {key: row.sum() for key, row in zip(found.keys, found.above, strict=True)}
    assert counts["cannot reach the store"] == 1.0
    assert max(counts.values()) > 10
    assert len(counts) == 2


def test_gauges_are_also_held_against_the_load_of_their_service():
    found = by_name(metrics_window(System(CHAIN), seed=0, gauges=("cpu",)))
    assert set(found["gauge a request"].services) <= set(found["gauge"].services)
    assert not found["gauge"].rises
