import numpy as np

from workbench.features.columns import frame_of, values_of
from workbench.features.grid import Grid

GRID = Grid(0, 10**9, 3)
NAMES = ["service", "signal"]


def frame():
    columns = {("b", "load"): (np.arange(3.0), "x"), ("a", "load"): (np.ones(3), "x")}
    return frame_of(columns, GRID, NAMES)


def test_columns_come_in_the_order_asked_for_and_unknown_ones_are_gaps():
    found = values_of(frame(), [("b", "load"), ("b", "errors"), ("a", "load")])
    assert found[:, 0].tolist() == [0.0, 1.0, 2.0]
    assert np.isnan(found[:, 1]).all()
    assert found[:, 2].tolist() == [1.0, 1.0, 1.0]


def test_what_is_taken_is_a_copy():
    seen = frame()
    values_of(seen, [("a", "load")])[:] = 7.0
    assert (seen["a", "load"] == 1.0).all()


def test_nothing_asked_or_nothing_there_keeps_the_bins():
    assert values_of(frame(), []).shape == (3, 0)
    assert np.isnan(values_of(frame_of({}, GRID, NAMES), [("a", "load")])).all()
