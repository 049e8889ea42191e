"""What is kept of a collection is given again as it was, or not at all."""

from __future__ import annotations

import random

import pandas as pd
import pydantic
import pytest

from workbench.collection.cache import Cache
from workbench.connectors.contract import Fetched, complete_fetch
from workbench.connectors.sources.prometheus.source import PrometheusSettings
from workbench.coverage import CoverageRow
from workbench.masking import Pseudonyms
from workbench.tables import conform

KEY = Pseudonyms(b"a key that is for tests only")
OTHER = Pseudonyms(b"the key it was replaced by")
SETTINGS = PrometheusSettings(url="http://127.0.0.1:1")


def fetched(rows=200):
    frame = pd.DataFrame(
        {
            "ts": pd.date_range("2026-01-31T12:00Z", periods=rows, freq="1s"),
            "metric": "requests",
            "value": [random.Random(n).random() for n in range(rows)],
            "service": "<user:0123456789abcdef>",
            "labels": "{}",
        }
    )
    return complete_fetch("metrics", conform("metrics", frame), "prom")


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache", KEY)


def test_what_was_kept_comes_back(cache):
    key = cache.key("prometheus", SETTINGS, {"table": "metrics"})
    one = fetched()
    cache.keep(key, one)
    pd.testing.assert_frame_equal(cache.find(key).frame, one.frame)
    assert repr(cache.find(key).coverage) == repr(one.coverage)


@pytest.mark.slow
def test_a_flipped_bit_is_found(cache):
    """RELIABILITY K3: of 120 flipped bits 19 gave other data in silence."""
    key = cache.key("prometheus", SETTINGS, {})
    path = cache.keep(key, fetched())
    data, rng, given = path.read_bytes(), random.Random(0), 0
    for _ in range(1000):
        place = rng.randrange(len(data) * 8)
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        given += cache.find(key) is not None
    assert given == 0
    path.write_bytes(data[: len(data) // 2])
    assert cache.find(key) is None


def test_pseudonyms_of_a_replaced_key_are_not_given(cache, tmp_path):
    asked = {"table": "metrics"}
    path = cache.keep(cache.key("prometheus", SETTINGS, asked), fetched())
    other = Cache(tmp_path / "cache", OTHER)
    key = other.key("prometheus", SETTINGS, asked)
    assert not path.name.startswith(OTHER.fingerprint)
    assert other.find(key) is None
    path.rename(tmp_path / "cache" / f"{key}.result")
    assert other.find(key) is None, "the seal is the key's"


def test_a_result_is_none_under_another_name(cache, tmp_path):
    path = cache.keep(cache.key("prometheus", SETTINGS, {"table": "a"}), fetched())
    other = cache.key("prometheus", SETTINGS, {"table": "b"})
    path.rename(tmp_path / "cache" / f"{other}.result")
    assert cache.find(other) is None


@pytest.mark.parametrize("status", ["partial", "failed", "stale", None])
def test_what_is_not_whole_is_not_kept(cache, status):
    key = cache.key("prometheus", SETTINGS, {})
    rows = (CoverageRow("prom", "metrics", "*", status, 3, reason="cut"),) if status else ()
    assert cache.keep(key, Fetched("metrics", fetched().frame, rows)) is None
    assert cache.find(key) is None


class Inner(pydantic.BaseModel):
    a: int = 1


class More(Inner):
    b: int = 2


class Own(pydantic.BaseModel):
    inner: Inner = Inner()
    token: pydantic.SecretStr = pydantic.SecretStr("x")
    hidden: int = pydantic.Field(default=1, exclude=True)
    names: frozenset[str] = frozenset()


def test_every_setting_is_part_of_the_key(cache, monkeypatch):
    """A dump leaves out what is excluded, a subclass's fields, and what a secret is."""
    changed = [
        Own(),
        Own(hidden=2),
        Own(inner=More()),
        Own(inner=More(b=3)),
        Own(token=pydantic.SecretStr("y")),
        Own(names=frozenset({"a"})),
    ]
    assert len({cache.key("own", one, {}) for one in changed}) == len(changed)
    assert cache.key("own", Own(), {}) != cache.key("another", Own(), {})
    assert cache.key("own", Own(), {"a": ("b", "c")}) != cache.key("own", Own(), {"a": ("bc",)})
    many = frozenset(map(str, range(20)))
    assert cache.key("own", Own(names=many), {}) == cache.key("own", Own(names=many), {})
    bearer = {"kind": "bearer", "secret": "env:TOKEN_OF_TEST"}
    asks = PrometheusSettings(url="http://127.0.0.1:1", auth=bearer)
    keys = set()
    for secret in ("one", "two"):
        monkeypatch.setenv("TOKEN_OF_TEST", secret)
        keys.add(cache.key("prometheus", asks, {}))
    assert len(keys) == 2, "another account may see other data"


def test_the_folder_is_its_owners_alone(cache):
    path = cache.keep(cache.key("prometheus", SETTINGS, {}), fetched())
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
