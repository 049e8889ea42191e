"""What may import what among the connectors, and that they share what they share."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from workbench.connectors.registry import KINDS, connector_class

SOURCES = Path(__file__).resolve().parents[2] / "workbench" / "connectors" / "sources"


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}


def test_a_source_imports_no_other_source():
    wrong = []
    for path in SOURCES.rglob("*.py"):
        own = (
            f"workbench.connectors.sources.{path.relative_to(SOURCES).parts[0].removesuffix('.py')}"
        )
        others = (n for n in imported(path) if n.startswith("workbench.connectors.sources."))
        wrong += [f"{path.name}: {n}" for n in others if n != own and not n.startswith(f"{own}.")]
    assert not wrong, f"what two sources share lives in reading or transport: {wrong}"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_connector_says_whether_its_answers_may_be_kept(kind):
    from workbench.connectors.reading.file_source import FileSource

    connector = connector_class(kind)
    assert connector.cacheable is not issubclass(connector, FileSource), (
        "files may be exchanged under their names, an asked system tells its past again"
    )
