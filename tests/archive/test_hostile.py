"""Whatever lies in a bundle or an archive: it is read, or refused with a named error.

``WORKBENCH_EXAMPLES=5000`` sets how many inputs each test is given; the ordinary run has 40.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import parts
from evil_archives import tarred, zipped
from planted import metrics_window
from workbench import IncidentWindow, archive
from workbench.errors import BundleError, WorkbenchError

NUMBER = parts.examples(40)
MOST_S, MOST_BYTES = 5.0, 256_000_000  # seconds of a core

KEYS = (
    "schema_version",
    "files",
    "window",
    "id",
    "title",
    "when",
    "start",
    "end",
    "baseline",
    "slos",
    "history",
    "topology",
    "nodes",
    "edges",
    "name",
    "src",
    "sha256",
    "bytes",
    "metrics.parquet",
    "coverage.parquet",
    "../x.parquet",
)
WORDS = ("2026-01-31T12:00Z", "1", "metrics", "cart/latency")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(WORDS)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)
HOW = st.sampled_from(["replace", "insert", "cut"])
EDIT = st.tuples(st.integers(0, 2**32), st.binary(min_size=1, max_size=8), HOW)
EDITS = st.lists(EDIT, min_size=1, max_size=4)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The files of a sound bundle."""
    folder = metrics_window(bins=10).save(tmp_path_factory.mktemp("sound") / "b")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(autouse=True)
def bounded():
    """No input may make the process grow by more than it may."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 <= MOST_BYTES


def edited(data, edits):
    for place, piece, how in edits:
        at = place % (len(data) + 1)
        if how == "cut":
            data = data[:at]
        else:
            data = data[:at] + piece + data[at + len(piece) * (how == "replace") :]
    return data


def read(files):
    """Read a bundle of these files in every way there is."""
    started = time.process_time()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "b"
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        for reader in (IncidentWindow.load, archive.verify_bundle, archive.open):
            try:
                reader(folder)
            except WorkbenchError:
                continue
    assert time.process_time() - started < MOST_S


def unpacked(data):
    started = time.process_time()
    root = Path(tempfile.mkdtemp())
    try:
        (root / "packed").write_bytes(data)
        try:
            archive.unpack(root / "packed", root / "b")
            there = {"packed", "b"}
        except BundleError:
            there = {"packed"}
        assert {path.name for path in root.iterdir()} == there
    finally:
        shutil.rmtree(root)
    assert time.process_time() - started < MOST_S


def with_manifest(sound, **changes):
    manifest = {**json.loads(sound["manifest.json"]), **changes}
    return {**sound, "manifest.json": json.dumps(manifest).encode()}


@pytest.mark.slow
@settings(max_examples=NUMBER)
@given(data=st.one_of(st.binary(max_size=200), JSON.map(lambda j: json.dumps(j).encode())))
def test_any_manifest(sound, data):
    read({**sound, "manifest.json": data})


@pytest.mark.slow
@settings(max_examples=NUMBER)
@given(key=st.sampled_from(KEYS), value=JSON, where=st.sampled_from(["top", "window", "when"]))
def test_any_value_in_a_manifest(sound, key, value, where):
    window = json.loads(sound["manifest.json"])["window"]
    if where == "top":
        read(with_manifest(sound, **{key: value}))
    elif where == "window":
        read(with_manifest(sound, window={**window, key: value}))
    else:
        read(with_manifest(sound, window={**window, "when": {**window["when"], key: value}}))


@settings(max_examples=NUMBER)
@given(edits=EDITS, name=st.sampled_from(["metrics.parquet", "coverage.parquet"]))
def test_any_parquet_with_a_digest_that_holds(sound, edits, name):
    data = edited(sound[name], edits)
    facts = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    files = {**json.loads(sound["manifest.json"])["files"], name: facts}
    read({**with_manifest(sound, files=files), name: data})


@settings(max_examples=NUMBER)
@given(edits=EDITS)
def test_any_zip(sound, edits):
    unpacked(edited(zipped(sound.items()), edits))


@settings(max_examples=NUMBER)
@given(edits=EDITS, pressed=st.booleans())
def test_any_tar(sound, edits, pressed):
    data = tarred(sound.items())
    unpacked(edited(gzip.compress(data), edits) if pressed else edited(data, edits))
    if pressed:
        unpacked(gzip.compress(edited(data, edits)))


@settings(max_examples=NUMBER)
@given(name=st.text(max_size=12), data=st.binary(max_size=20))
def test_any_name_in_an_archive(sound, name, data):
    try:
        made = zipped([*sound.items(), (name, data)])
    except (UnicodeEncodeError, ValueError):  # no zip can hold it
        return
    unpacked(made)
