from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import START
from workbench.errors import BadTable, NaiveTimestamp, UnknownName
from workbench.tables import SCHEMAS, conform, empty, labels_of, labels_text, problems

JSON = st.dictionaries(
    st.text(max_size=8), st.one_of(st.text(max_size=8), st.integers(), st.booleans()), max_size=4
)
VALUES = st.floats(allow_nan=True, allow_infinity=True)


def metric_rows(seconds, values):
    return pd.DataFrame(
        {
            "ts": [START + pd.Timedelta(s, "s") for s in seconds],
            "metric": "up",
            "value": values,
            "service": "cart",
            "labels": [{}] * len(values),
        }
    )


@given(st.lists(st.tuples(st.integers(0, 50), VALUES), max_size=30))
def test_conform_never_loses_a_row(samples):
    raw = metric_rows([s for s, _ in samples], [v for _, v in samples])
    raw = raw if samples else empty("metrics")
    fitted = conform("metrics", raw)
    assert len(fitted) == len(raw)
    assert fitted["ts"].is_monotonic_increasing
    kept = np.sort(fitted["value"].to_numpy())
    assert np.array_equal(kept, np.sort(np.array([v for _, v in samples])), equal_nan=True)


@given(st.lists(st.tuples(st.integers(0, 50), VALUES), min_size=1, max_size=20))
def test_conform_twice_is_conform_once(samples):
    once = conform("metrics", metric_rows([s for s, _ in samples], [v for _, v in samples]))
    pd.testing.assert_frame_equal(conform("metrics", once), once)


@given(JSON)
def test_labels_read_back(labels):
    text = labels_text(labels)
    assert labels_of(text) == labels
    assert list(json.loads(text)) == sorted(labels)


@given(JSON)
def test_labels_in_another_order_are_the_same_text(labels):
    assert labels_text(dict(reversed(labels.items()))) == labels_text(labels)


def test_no_labels_is_an_empty_mapping():
    assert labels_of("") == {}
    frame = metric_rows([0, 1, 2], [1.0, 2.0, 3.0]).assign(labels=[None, "", {}])
    assert conform("metrics", frame)["labels"].tolist() == ["{}", "{}", "{}"]


@pytest.mark.parametrize("table", sorted(SCHEMAS))
def test_an_empty_table_has_every_required_column_and_type(table):
    frame = empty(table)
    assert list(frame.columns) == list(SCHEMAS[table].required)
    assert frame.empty
    kinds = SCHEMAS[table].required
    times = [name for name, kind in kinds.items() if kind == "time"]
    assert all(str(frame[name].dtype) == "datetime64[ns, UTC]" for name in times)
    numbers = [name for name, kind in kinds.items() if kind == "number"]
    assert all(str(frame[name].dtype) == "float64" for name in numbers)


def test_a_missing_column_is_named():
    with pytest.raises(BadTable, match=r"misses required columns: \['value'\]"):
        conform("metrics", metric_rows([0], [1.0]).drop(columns="value"))


def test_labels_that_are_not_there_are_empty_ones():
    fitted = conform("metrics", metric_rows([0], [1.0]).drop(columns="labels"))
    assert fitted["labels"].tolist() == ["{}"]
    assert list(fitted.columns[:5]) == list(SCHEMAS["metrics"].required)


def test_an_unknown_table_is_named():
    with pytest.raises(UnknownName, match="Did you mean 'metrics'"):
        conform("metric", pd.DataFrame())


def test_a_row_without_a_time_is_refused_not_dropped():
    frame = metric_rows([0, 1], [1.0, 2.0])
    frame.loc[1, "ts"] = pd.NaT
    with pytest.raises(BadTable, match="rows without 'ts': 1"):
        conform("metrics", frame)


def test_a_naive_table_is_refused():
    frame = metric_rows([0], [1.0])
    with pytest.raises(NaiveTimestamp, match="no zone"):
        conform("metrics", frame.assign(ts=frame["ts"].dt.tz_localize(None)))


def test_numbers_as_text_are_read_as_prometheus_writes_them():
    frame = metric_rows([0, 1, 2, 3], ["1.5", "NaN", "+Inf", "-Inf"])
    read = conform("metrics", frame)["value"].tolist()
    assert read[0] == 1.5
    assert np.isnan(read[1])
    assert read[2:] == [np.inf, -np.inf]


def test_text_that_is_no_number_is_refused():
    with pytest.raises(BadTable, match="not a number: 'many'"):
        conform("metrics", metric_rows([0, 1], ["1", "many"]))


def test_columns_nobody_knows_are_kept():
    frame = conform("metrics", metric_rows([0], [1.0]).assign(cluster="eu"))
    assert frame["cluster"].tolist() == ["eu"]


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=8))
def test_any_bytes_of_a_log_become_text_and_none_is_lost(bodies):
    raw = pd.DataFrame(
        {
            "ts": [START] * len(bodies),
            "service": "cart",
            "severity_number": 9,
            "body": pd.Series(bodies, dtype="object"),
            "attributes": "{}",
        }
    )
    fitted = conform("logs", raw)
    assert len(fitted) == len(bodies)
    assert all(isinstance(body, str) for body in fitted["body"])
    bad = sum(_undecodable(body) for body in bodies)
    told = [p for p in problems("logs", raw, fitted) if "UTF-8" in p]
    assert bool(told) == bool(bad)


def _undecodable(body):
    try:
        body.decode()
    except UnicodeDecodeError:
        return True
    return False


def test_what_is_odd_is_counted_and_nothing_repaired():
    raw = metric_rows([5, 0, 0, 1], [np.inf, 1.0, 1.0, np.nan])
    fitted = conform("metrics", raw)
    told = problems("metrics", raw, fitted)
    assert told == [
        "1 rows out of time order",
        "1 duplicated rows",
        "1 infinite values",
        "1 missing values",
    ]
    assert len(fitted) == 4


def test_a_clean_table_has_no_problems():
    raw = metric_rows([0, 1], [1.0, 2.0])
    assert problems("metrics", raw, conform("metrics", raw)) == []


@pytest.mark.parametrize("text", ["not json", "[1]", "3", "{"])
def test_labels_that_are_no_object_are_refused_by_name(text):
    with pytest.raises(BadTable, match="not a JSON object"):
        labels_of(text)
