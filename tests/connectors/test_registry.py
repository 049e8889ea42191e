"""A kind in a settings file imports a connector and nothing else: importing runs code."""

from __future__ import annotations

import sys

import pytest

from workbench import connect
from workbench.connectors.registry import KINDS, connector_class, settings_class
from workbench.errors import BadInput

OWN = """
import pydantic

class TogglesSettings(pydantic.BaseModel):
    path: str = ""

class Toggles:
    kind = "toggles"
    tables = ("changes",)
    cacheable = False
    def __init__(self, source, settings): ...
    async def fetch(self, table, when, *, services=()): ...
    async def estimate(self, table, when, *, services=()): ...
    async def aclose(self): ...
"""
EVIL = "import pathlib\npathlib.Path(RAN).write_text('ran')\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose modules say that they were run."""
    ran = tmp_path / "ran"
    folder = tmp_path / "shop_of_test"
    folder.mkdir()
    evil = EVIL.replace("RAN", repr(str(ran)))
    (folder / "__init__.py").write_text(evil)
    (folder / "evil.py").write_text(f"{evil}\nclass Thing: ...\n")
    (folder / "broken.py").write_text("class Thing(:")
    (folder / "toggles.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield ran
    for name in [name for name in sys.modules if name.startswith("shop_of_test")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    "kind",
    [
        "shop_of_test.evil:Thing",
        "shop_of_test.evil:Missing",
        "shop_of_test.broken:Thing",
        "shop_of_test:Thing",
        "shop_of_test.none:Thing",
        "antigravity:geohash",
        "this:s",
        "os:system",
        "subprocess:Popen",
        "..os:system",
        "a b:c",
        ":",
        "shop_of_test.toggles:",
        "shop_of_test.toggles:Toggles.fetch",
    ],
)
def test_what_names_no_connector_is_not_imported(package, kind, tmp_path):
    before = set(sys.modules)
    with pytest.raises(BadInput):
        connector_class(kind)
    (tmp_path / "sources.yaml").write_text(f"sources: {{a: {{kind: '{kind}'}}}}")
    with pytest.raises(BadInput):
        connect(tmp_path / "sources.yaml")
    assert not package.exists(), "nothing of it ran"
    assert not [name for name in set(sys.modules) - before if name in {"antigravity", "this"}]


def test_a_connector_of_ones_own_is_imported(package):
    kind = "shop_of_test.toggles:Toggles"
    assert connector_class(kind).tables == ("changes",)
    assert settings_class(kind).__name__ == "TogglesSettings"
    assert connector_class(kind) is connector_class(kind)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_ours_is_a_connector_with_settings(kind):
    assert settings_class(kind).__name__ == f"{connector_class(kind).__name__}Settings"
