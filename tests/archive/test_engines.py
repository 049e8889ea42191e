"""The same questions on DuckDB, on Spark and on ClickHouse: the same answers."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

import archives
import engines
from workbench import TimeRange, archive
from workbench.errors import BadInput

# PySpark leaves the socket of each answer to the garbage collector.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return archives.write(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def spark():
    with engines.spark() as con:
        yield con


@pytest.fixture(scope="module", params=["pyspark", "clickhouse"])
def elsewhere(request):
    """A connection that is not the embedded one."""
    if request.param == "pyspark":
        return request.getfixturevalue("spark")
    return engines.clickhouse()


DAY_1 = TimeRange(archives.stamps(1)[10], archives.stamps(1)[50])
QUESTIONS = {
    "services": lambda a: a.services().to_frame(),
    "labels": lambda a: a.labels(tables=["metrics", "logs"]).to_frame(),
    "text": lambda a: a.search("REFUSED").to_frame(),
    "beyond ASCII": lambda a: a.search("äöü").to_frame(),
    "severity": lambda a: a.search(severity="error", limit=1000).to_frame(),
    "label": lambda a: a.search(labels={"code": 50}).to_frame(),
    "limit": lambda a: a.search(severity="info", limit=7).to_frame(),
    "time": lambda a: a.search(when=DAY_1, limit=1000).to_frame(),
    "resampled": lambda a: a.resample(
        "1min", how=("mean", "min", "max", "sum", "count")
    ).to_frame(),
    "resampled by labels": lambda a: a.resample(
        "7s", by=("service", "metric", "labels"), how=("last", "count"), when=DAY_1
    ).to_frame(),
    **{
        f"hostile service {n}": lambda a, text=text: a.search(text, services=[text]).to_frame()
        for n, text in enumerate(archives.HOSTILE)
    },
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_engine_gives_the_same_answer(root, elsewhere, question):
    ask = QUESTIONS[question]
    here, there = ask(archive.open(root)), ask(archive.open(root, engine=elsewhere))
    assert len(here)
    pd.testing.assert_frame_equal(here, there, rtol=1e-12)


def test_the_answer_is_the_one_pandas_gives(root):
    found = archive.open(root).resample("1min", how=("mean", "max", "count", "sum", "min"))
    parts = [
        archives.metrics(d).assign(bundle=b)
        for d, b in enumerate(["day-0", "day-1", "day 2 %41 é"])
    ]
    raw = pd.concat(parts).dropna(subset="value")
    by = ["bundle", "service", "metric", raw["ts"].dt.floor("1min")]
    expected = raw.groupby(by)["value"].agg(["mean", "max", "count", "sum", "min"]).reset_index()
    got = found.to_frame().astype(dict.fromkeys(("bundle", "service", "metric"), "str"))
    pd.testing.assert_frame_equal(got, expected, check_dtype=False, rtol=1e-12)


def test_a_bundle_that_cannot_be_read_is_named_by_every_engine(root, elsewhere, tmp_path):
    spoilt = shutil.copytree(root, tmp_path / "spoilt")
    path = spoilt / "day-1" / "logs.parquet"
    path.write_bytes(bytes(path.stat().st_size))
    found = archive.open(spoilt, engine=elsewhere).search("card refused", tables=["logs"])
    assert set(found.to_frame()["bundle"]) == {"day 2 %41 é", "day-0"}
    assert [gap.bundle for gap in found.unreadable] == ["day-1"]


def test_the_session_of_spark_may_be_in_any_zone(root, spark):
    from pyspark.sql import SparkSession

    session = SparkSession.active()
    ask = QUESTIONS["resampled"]
    session.conf.set("spark.sql.session.timeZone", "Australia/Lord_Howe")
    try:
        there = ask(archive.open(root, engine=spark))
    finally:
        session.conf.set("spark.sql.session.timeZone", "UTC")
    pd.testing.assert_frame_equal(ask(archive.open(root)), there, rtol=1e-12)


def test_another_engine_is_refused(root):
    with pytest.raises(BadInput, match="Not an engine"):
        archive.open(root, engine=object()).services()
