from __future__ import annotations

import json
import random

import networkx as nx
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import metrics_window
from workbench import IncidentWindow
from workbench.archive import (
    MANIFEST,
    graph_from_dict,
    graph_to_dict,
    read_bundle,
    verify_bundle,
    write_text,
)
from workbench.errors import BundleAltered, BundleError, BundleMissing, BundleSchema


@pytest.fixture
def bundle(tmp_path):
    window = metrics_window(bins=20, title="Payments are slow")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "truth.json").write_text('{"service": "payments"}')
    return window.save(tmp_path / "b")


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= 0x01
    path.write_bytes(bytes(data))


def edit(bundle, **changes):
    path = bundle / MANIFEST
    old = json.loads(path.read_text())
    del old["sha256"]  # who alters a manifest on purpose can leave out its digest
    path.write_text(json.dumps({**old, **changes}))


def test_a_saved_bundle_verifies(bundle):
    names = verify_bundle(bundle)
    assert set(names) == {"metrics.parquet", "coverage.parquet", "truth.json"}


@pytest.mark.parametrize("name", ["metrics.parquet", "coverage.parquet"])
@pytest.mark.parametrize("at", [0, 4, 100, -1])
def test_one_altered_bit_of_a_table_is_found(bundle, name, at):
    flip(bundle / name, at)
    with pytest.raises(BundleAltered, match=name):
        IncidentWindow.load(bundle)
    with pytest.raises(BundleAltered, match=name):
        verify_bundle(bundle)


def test_an_altered_truth_is_found_when_verifying(bundle):
    flip(bundle / "truth.json", 3)
    with pytest.raises(BundleAltered, match=r"truth\.json"):
        verify_bundle(bundle)


def test_the_truth_is_never_opened_by_loading(bundle):
    (bundle / "truth.json").write_bytes(b"\xff\xfe not json at all")
    spoiled = IncidentWindow.load(bundle)
    (bundle / "truth.json").unlink()
    absent = IncidentWindow.load(bundle)
    (bundle / "truth.json").mkdir()
    assert spoiled.digest == absent.digest == IncidentWindow.load(bundle).digest


@pytest.mark.parametrize("name", ["metrics.parquet", "coverage.parquet"])
def test_a_missing_file_is_named(bundle, name):
    (bundle / name).unlink()
    with pytest.raises(BundleMissing, match=name):
        IncidentWindow.load(bundle)


def test_no_bundle_is_told(tmp_path):
    with pytest.raises(BundleMissing, match="No incident bundle here"):
        IncidentWindow.load(tmp_path / "nothing")


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_schema_version_is_refused(bundle, version):
    edit(bundle, schema_version=version)
    with pytest.raises(BundleSchema, match="another schema version"):
        IncidentWindow.load(bundle)


@pytest.mark.parametrize("text", ["", "not json", "[]", "null", "{}", '{"schema_version": 1}'])
def test_a_manifest_that_is_none_is_refused(bundle, text):
    (bundle / MANIFEST).write_text(text)
    with pytest.raises(BundleSchema, match="not a bundle's manifest"):
        IncidentWindow.load(bundle)


def test_a_manifest_cannot_reach_outside_its_folder(bundle):
    files = json.loads((bundle / MANIFEST).read_text())["files"]
    edit(bundle, files={**files, "../outside.parquet": {"sha256": "0", "bytes": 0}})
    with pytest.raises(BundleSchema, match="outside its folder"):
        read_bundle(bundle)


def test_a_file_that_is_no_parquet_is_told_even_with_a_right_digest(bundle):
    import hashlib

    data = b"hello"
    (bundle / "metrics.parquet").write_bytes(data)
    files = json.loads((bundle / MANIFEST).read_text())["files"]
    files["metrics.parquet"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": 5}
    edit(bundle, files=files)
    with pytest.raises(BundleSchema, match="Not a readable Parquet file"):
        IncidentWindow.load(bundle)


def test_saving_again_gives_the_same_bytes(tmp_path):
    window = metrics_window(bins=20)
    one, two = window.save(tmp_path / "one"), window.save(tmp_path / "two")
    assert (one / MANIFEST).read_text() == (two / MANIFEST).read_text()


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = write_text(tmp_path / "a.json", "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


NODES = st.lists(st.text(max_size=5), min_size=1, max_size=5, unique=True)


@pytest.mark.slow
@given(NODES, st.data())
def test_any_graph_reads_back_cycles_too(nodes, data):
    graph = nx.DiGraph(conflicts=["x"])
    graph.add_nodes_from(nodes, kind="service")
    pairs = st.tuples(st.sampled_from(nodes), st.sampled_from(nodes))
    for u, v in data.draw(st.lists(pairs, max_size=8)):
        graph.add_edge(u, v, calls=3.0, valid_from="2026-01-31T12:00:00Z")
    again = graph_from_dict(json.loads(json.dumps(graph_to_dict(graph))))
    assert dict(again.nodes(data=True)) == dict(graph.nodes(data=True))
    assert list(again.edges(data=True)) == list(graph.edges(data=True))
    assert again.graph == graph.graph


def test_categories_and_nanoseconds_survive(tmp_path):
    window = metrics_window(bins=20)
    shifted = window.metrics.assign(ts=window.metrics["ts"] + pd.Timedelta(7, "ns"))
    window = IncidentWindow.from_frames(when=window.when, metrics=shifted)
    again = IncidentWindow.load(window.save(tmp_path / "b"))
    pd.testing.assert_frame_equal(again.metrics, window.metrics)
    assert again.metrics["labels"].dtype == window.metrics["labels"].dtype


def test_a_flipped_bit_in_a_bundle_is_found(tmp_path):
    """RELIABILITY K3; of the manifest too, which nothing had a digest of."""
    window = metrics_window(bins=20, history=False, id="planted")
    folder, rng = window.save(tmp_path / "b"), random.Random(0)
    given = []
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        for _ in range(150):
            place = rng.randrange(len(data) * 8)
            flipped = bytearray(data)
            flipped[place // 8] ^= 1 << place % 8
            path.write_bytes(flipped)
            try:
                found = IncidentWindow.load(folder)
            except BundleError:
                continue
            if (found.digest, found.title, found.id) != (window.digest, window.title, window.id):
                given.append((path.name, place))
        path.write_bytes(data)
    assert not given
