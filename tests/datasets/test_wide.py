from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from planted import Fault, metrics_window
from workbench.datasets import from_wide, label_windows
from workbench.errors import BadInput, BadTable, NaiveTimestamp, UnknownName
from workbench.evaluate import score

NAMES = {"latency": "service.latency", "load": "service.load"}


def wide(**changed) -> pd.DataFrame:
    columns = {
        "time": [1_700_000_000, 1_700_000_060, 1_700_000_120],
        "cart_latency": [40.0, np.nan, 44.0],
        "cart_load": [10, 12, 11],
        "my_db_cpu": [0.1, 0.2, 0.3],
    }
    return pd.DataFrame({**columns, **changed})


def test_a_column_becomes_samples_of_its_service() -> None:
    found = from_wide(wide(), names=NAMES, scale={"latency": 1e-3})
    latency = found[found["metric"] == "service.latency"]
    assert latency["value"].tolist() == [0.04, 0.044], "an empty cell stays a gap"
    assert set(found["service"]) == {"cart", "my_db"}
    assert set(found["metric"]) == {"service.latency", "service.load", "cpu"}


@pytest.mark.parametrize("factor", [1, 10**3, 10**6, 10**9])
def test_numbers_since_1970_are_read_in_their_unit(factor: int) -> None:
    times = [t * factor for t in (1_700_000_000, 1_700_000_060, 1_700_000_120)]
    found = from_wide(wide(time=times), names=NAMES)
    assert found["ts"].iloc[0] == pd.Timestamp("2023-11-14T22:13:20Z")


def test_what_does_not_fit_is_said_with_what_would() -> None:
    with pytest.raises(BadTable, match=r"No such time column: 'at'.*time, cart_latency"):
        from_wide(wide(), names=NAMES, time="at")
    with pytest.raises(BadTable, match="cpu, latency, load"):
        from_wide(wide(), names={"latency-50": "service.latency"})
    with pytest.raises(BadTable, match="give another separator"):
        from_wide(wide(note=[1, 2, 3]), names=NAMES)
    with pytest.raises(NaiveTimestamp):
        from_wide(wide(time=["2023-11-14T22:13:20"] * 3), names=NAMES)


@pytest.mark.slow
def test_windows_of_ones_own_are_scored_with_ones_own_labels() -> None:
    window = metrics_window(faults=(Fault("payments", "latency", 0.2),), seed=1, id="mine")
    calm = metrics_window(seed=2, id="calm")
    found = score(label_windows([window, calm], {"mine": ["payments", "card-gateway"]}))
    assert [(case.case, case.rank, case.named) for case in found.cases] == [("mine", 1, "payments")]
    assert found.cases[0].truth == "payments|card-gateway"
    assert found.layout == "windows"


def test_labels_that_fit_no_window_are_refused() -> None:
    window = metrics_window(seed=1, id="mine")
    with pytest.raises(UnknownName, match="Did you mean 'mine'"):
        label_windows([window], {"mime": "payments"})
    with pytest.raises(BadInput, match="share an id"):
        label_windows([window, window], {})
