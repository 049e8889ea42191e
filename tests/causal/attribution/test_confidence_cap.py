"""Trust: what lacks lowers the most that may be said, and is told."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from planted import SHOP, Fault, everywhere, metrics_window
from workbench import diagnose
from workbench.causal import confidence, rank

EDGES = ("edge.calls", "edge.latency", "edge.errors")
SLOW = (Fault("payments", "latency", 0.2),)


@everywhere
def without(window, *metrics):
    table = window.metrics
    kept = table[~table["metric"].astype(str).isin(metrics)]
    return window.with_(tables={**window.tables, "metrics": kept})


@everywhere
def as_quantiles(window, *names):
    """The same latencies, known as these quantiles only."""
    table = window.metrics.astype({"metric": str})
    mean = table["metric"] == "service.latency"
    copies = [table[mean].assign(metric=f"service.{name}") for name in names]
    edges = table["metric"].str.startswith("edge.")
    frames = [table[~mean & ~edges], *copies]
    return window.with_(tables={**window.tables, "metrics": pd.concat(frames)})


def ungraphed(window):
    return without(window, *EDGES).with_(topology=nx.freeze(nx.DiGraph()))


def test_nothing_lacks_where_everything_is_measured():
    found = rank(metrics_window(SHOP, SLOW))
    assert found.limit == 1.0
    assert found.rows[0].confidence > 0.9
    assert not any("sure of any place" in note for note in found.notes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (lambda w: as_quantiles(w, "latency_p90"), "one quantile"),
        (lambda w: without(w, "service.load", *EDGES), "not counted"),
        (ungraphed, "no usable graph"),
    ],
)
def test_whoever_lacks_a_leg_is_never_sure(reasons, words):
    window = reasons(metrics_window(SHOP, SLOW))
    found = rank(window)
    assert found.limit < 0.8
    assert max(row.confidence for row in found.rows) < 0.8
    assert any(words in note for note in found.notes)
    assert diagnose.compare(window).cause is None


def test_lacks_add_up():
    window = metrics_window(SHOP, SLOW)
    one = rank(as_quantiles(window, "latency_p90")).limit
    assert rank(ungraphed(as_quantiles(window, "latency_p90"))).limit < one


def test_means_read_from_several_quantiles_may_still_be_sure():
    found = rank(as_quantiles(metrics_window(SHOP, SLOW), "latency_p50", "latency_p90"))
    assert found.limit == pytest.approx(0.9)
    assert found.rows[0].service == "payments"
    assert found.rows[0].confidence > 0.8


def test_the_limit_is_a_true_maximum_and_none_of_them_competes():
    scores = np.array([8.0, 0.0, 0.0, 0.0])
    assert confidence(scores, limit=0.6).max() == 0.6
    assert confidence(scores, none=8.0).max() == pytest.approx(0.5, abs=1e-3)


def test_nobody_is_named_after_a_stretch_too_short_to_know_what_is_normal():
    short = metrics_window(SHOP, SLOW, bins=34, incident=4.5 / 34, history=False)
    found = rank(short)
    assert found.named is None
    assert any("times the incident's length" in note for note in found.notes)
