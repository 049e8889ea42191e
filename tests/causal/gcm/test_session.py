"""Guards around DoWhy: seeds, silence, clean columns, deadlines, interrupts."""

from __future__ import annotations

import logging
import time

import numpy as np
import pandas as pd
import pytest

from parts import AMPLE_S
from workbench.causal.gcm.session import Deadline, encoded, load_gcm, quietly, seeded
from workbench.errors import BadInput

pytestmark = pytest.mark.slow


def drawn() -> float:
    return float(np.random.random())  # noqa: NPY002 - the generator under guard


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_the_global_generator_is_put_back(error):
    np.random.seed(11)  # noqa: NPY002
    expected = drawn()
    np.random.seed(11)  # noqa: NPY002
    try:
        with seeded(seed=99):
            inside = drawn()
            if error:
                raise error
    except KeyboardInterrupt:
        pass
    assert drawn() == expected
    with seeded(seed=99):
        assert drawn() == inside


def test_the_log_is_silenced_and_put_back():
    log = logging.getLogger("dowhy")
    log.setLevel(logging.INFO)
    with quietly():
        assert log.level == logging.ERROR
    assert log.level == logging.INFO


def test_dowhy_runs_one_job_without_progress_bars():
    gcm = load_gcm()
    assert gcm.config.default_n_jobs == 1
    assert not gcm.config.show_progress_bars


def test_columns_become_numbers():
    data = pd.DataFrame({"flag": [True, False], "zone": ["b", "a"], "x": [1, 2]})
    found = encoded(data)
    assert found["flag"].tolist() == [1.0, 0.0]
    assert found["zone"].tolist() == [1.0, 0.0]
    assert {str(kind) for kind in found.dtypes} == {"float64"}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_and_infinite_values_are_named_errors(bad):
    with pytest.raises(BadInput, match="Column 'own'"):
        encoded(pd.DataFrame({"own": [1.0, bad]}))
    with pytest.raises(BadInput, match="missing"):
        encoded(pd.DataFrame({"zone": ["a", None]}))


def test_a_deadline_lets_the_first_batch_run_and_says_what_was_done():
    deadline = Deadline(0.0)
    assert list(deadline.batches(20, 5)) == [5]
    assert deadline.note == "stopped at 0 s: partial, 5 of 20 rounds"


def test_with_time_everything_is_done():
    deadline = Deadline(60.0)
    assert list(deadline.batches(12, 5)) == [5, 5, 2]
    assert deadline.note == ""


def test_a_deadline_passes():
    assert not Deadline(AMPLE_S).over
    deadline = Deadline(0.02)
    time.sleep(0.03)
    assert deadline.over
