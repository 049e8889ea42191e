"""What a command may be about: an id, a folder, an archive, sources."""

from __future__ import annotations

import pandas as pd
import pytest

from planted import SHOP, Fault, metrics_window
from workbench import IncidentWindow, TimeRange, archive
from workbench.collection import targets
from workbench.collection.targets import open_target
from workbench.errors import BadInput, BundleUnsafe, UnknownName

SLOW = Fault("payments", "latency", 0.2, at=0.9)
WINDOW = metrics_window(SHOP, (SLOW,), bins=100, incident=0.9, history=False, id="slow")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path / "recorded"))
    WINDOW.save(tmp_path / "recorded" / "slow")
    WINDOW.save(tmp_path / "mine" / "own")
    archive.pack(tmp_path / "mine" / "own", tmp_path / "own.zip")
    return tmp_path


def test_an_id_a_folder_and_an_archive_are_the_same_incident(folder, tmp_path):
    named = ("slow", str(folder / "mine" / "own"), str(folder / "own.zip"))
    found = [open_target(name) for name in named]
    assert {one.window.digest for one in found} == {WINDOW.digest}
    assert [one.name for one in found] == ["slow", "own", "slow"]
    assert found[0].as_bundle(tmp_path / "out") == folder / "recorded" / "slow"
    saved = found[2].as_bundle(tmp_path / "out")
    assert IncidentWindow.load(saved).digest == WINDOW.digest


def test_another_range_of_the_same_data(folder, tmp_path):
    start, end = WINDOW.when.start - pd.Timedelta("2min"), WINDOW.when.end
    target = open_target("slow", start=str(start), end=str(end))
    assert target.window.when == TimeRange(start, end)
    assert target.bundle is None
    assert target.as_bundle(tmp_path / "out").parent == tmp_path / "out"


def test_a_range_far_from_the_data_is_refused_with_the_datas_range(folder):
    with pytest.raises(BadInput, match="far from the data") as caught:
        open_target("slow", start="2020-01-01T00:00Z", end="2020-01-01T01:00Z")
    assert f"{WINDOW.metrics['ts'].min():%Y-%m-%d}" in str(caught.value)
    with pytest.raises(BadInput, match="Half a range"):
        open_target("slow", start="2020-01-01T00:00Z")


def test_what_is_none_is_named(folder):
    with pytest.raises(UnknownName):
        open_target("slw")
    with pytest.raises(UnknownName):
        open_target(str(folder / "none.zip"))
    (folder / "bad.zip").write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(BundleUnsafe):
        open_target(str(folder / "bad.zip"))
    with pytest.raises(BadInput, match="A bundle is one incident"):
        open_target("slow", incident="P1")


def test_sources_are_collected_over_a_range_or_an_incident(folder, monkeypatch):
    (folder / "sources.yaml").write_text("sources: {d: {kind: deploys, files: none.csv}}")
    asked = []

    def collect(sources, start, end, *, incident, progress):
        asked.append((start, end, incident))
        progress("half of it")
        return WINDOW.with_(id="P/1 ../x")

    monkeypatch.setattr(targets, "collect", collect)
    told = []
    when = {"start": str(WINDOW.when.start), "end": str(WINDOW.when.end)}
    one = open_target(str(folder / "sources.yaml"), **when, show=told.append)
    assert told == ["half of it"]
    assert one.name == "P-1-..-x"
    assert one.as_bundle(folder / "out").parent == folder / "out"
    open_target(str(folder / "sources.yaml"), incident="P1")
    assert asked == [(when["start"], when["end"], ""), (None, None, "P1")]
    with pytest.raises(BadInput, match="Sources hold all time"):
        open_target(str(folder / "sources.yaml"))


def test_sources_that_gave_nothing_are_told(folder):
    (folder / "sources.yaml").write_text(
        f"sources: {{d: {{kind: deploys, files: none.csv}}}}\nmasking_key: {folder}/k\n"
    )
    with pytest.raises(BadInput, match="Nothing was measured") as caught:
        open_target(
            str(folder / "sources.yaml"), start="2026-01-31T12:00Z", end="2026-01-31T12:10Z"
        )
    assert "No file matches" in str(caught.value)
