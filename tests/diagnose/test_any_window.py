"""Any window that conforms gives a diagnosis or a named error, never a crash.

Windows of the simulated worlds, with spans, logs and changes in any mixture, lose tables, services,
metrics, rows, values and texts at random: what real exports look like.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import TimeRange, simulate
from workbench.diagnose import Diagnosis, compare
from workbench.errors import WorkbenchError

WORLDS = sorted(simulate.worlds())
TABLES = ("metrics", "spans", "logs", "changes", "alerts", "events")
KEPT = (0.0, 0.02, 0.3, 1.0)  # share of rows, of metrics or of services that are left


@st.composite
def damaged(draw):
    world = simulate.worlds()[draw(st.sampled_from(WORLDS))]
    window = world.load(draw(st.sampled_from(world.ids)))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    tables = {
        name: lessened(frame, rng, draw)
        for name, frame in window.tables.items()
        if draw(st.booleans()) or name == "metrics"
    }
    graph = window.topology if draw(st.booleans()) else nx.DiGraph()
    window = window.with_(tables=tables, topology=nx.freeze(nx.DiGraph(graph)))
    if draw(st.booleans()):
        length = window.when.duration / draw(st.sampled_from([0.5, 1, 3, 20]))
        end = window.when.start + length
        window = window.with_(when=TimeRange(window.when.start, end))
    return window


def lessened(frame, rng, draw):
    """Fewer rows, fewer kinds of them, and values that are not there."""
    left = rng.random(len(frame)) < draw(st.sampled_from(KEPT))
    frame = frame[left]
    for column in ("metric", "service"):
        if column in frame and draw(st.booleans()):
            names = frame[column].astype(str).unique()
            share = draw(st.sampled_from(KEPT))
            some = {name for name in names if rng.random() < share}
            frame = frame[frame[column].astype(str).isin(some)]
    for column in ("value", "duration_s"):
        if column in frame and draw(st.booleans()):
            frame = frame.assign(**{column: frame[column].mask(rng.random(len(frame)) < 0.3)})
    if "body" in frame and draw(st.booleans()):
        frame = frame.assign(body="")
    return frame.reset_index(drop=True)


@pytest.mark.slow
@settings(max_examples=60)
@given(damaged())
def test_any_window_gives_a_diagnosis_or_a_named_error(window):
    try:
        found = compare(window)
    except WorkbenchError:
        return
    assert isinstance(found, Diagnosis)
    assert found.verdict
    assert repr(found)
    assert found._repr_html_()
