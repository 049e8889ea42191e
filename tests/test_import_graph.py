"""The import graph sees a circle however it is hidden, and makes up none."""

from __future__ import annotations

import ast

import pytest

from import_graph import circles, import_graph


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("import p.b", "import p.a"),
        ("from p import b", "from p.a import thing"),
        ("def later():\n    from p.b import thing", "from p import thing"),
        ("if TYPE_CHECKING:\n    from p.b import thing", "from p.c import thing"),
    ],
)
def test_an_import_circle_is_seen(one, other):
    sources = {"p": "from p.a import thing", "p.a": one, "p.b": other, "p.c": "import p.a"}
    sources["p.c"] += "\nfrom p.a import thing"
    found = circles(import_graph({name: ast.parse(text) for name, text in sources.items()}))
    assert [set(group) >= {"p.a", "p.b"} for group in found] == [True]


def test_a_package_that_passes_names_on_makes_no_circle():
    sources = {
        "p": "from p.a import thing",
        "p.a": "from p.b import other",
        "p.b": "",
        "p.c": "from p import thing",
    }
    found = import_graph({name: ast.parse(text) for name, text in sources.items()})
    assert found == {"p": {"p.a"}, "p.a": {"p.b"}, "p.b": set(), "p.c": {"p.a"}}
    assert circles(found) == []
