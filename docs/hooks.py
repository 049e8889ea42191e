"""What the pages say of the code is read from the code, so that it cannot grow old.

A line ``<!-- modules workbench.causal -->`` becomes a table of that package's modules with the
first lines of each docstring, a heading a wing. A line ``<!-- reference workbench.causal -->``
becomes the reference of what the package's ``__all__`` names, verbs before objects. Each is
taken from the module that defines it: many a verb shares its name with its module.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARKER = re.compile(r"^<!-- (modules|reference) ([\w. ]+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put tables and references in the place of their markers."""
    written = {"modules": modules, "reference": reference}
    return MARKER.sub(lambda found: "\n\n".join(map(written[found[1]], found[2].split())), markdown)


def modules(name: str) -> str:
    """Write the table of a module, or of a package and its wings.

    Raises
    ------
    FileNotFoundError
        A page names a package that is not there: the build fails.
    """
    place = ROOT.joinpath(*name.split("."))
    if not place.is_dir():
        return _table([place.with_suffix(".py")], place.parent)
    here = sorted(place.glob("*.py"))
    parts = [_table([file for file in here if file.name != "__init__.py"], place)]
    for wing in sorted(one for one in place.rglob("*") if (one / "__init__.py").is_file()):
        inside = sorted(file for file in wing.glob("*.py") if file.name != "__init__.py")
        heading = f"### {wing.relative_to(place).as_posix()}\n\n{summary(wing / '__init__.py')}"
        parts.append(f"{heading}\n\n{_table(inside, wing)}")
    return "\n\n".join(part for part in parts if part)


def reference(name: str) -> str:
    """Write the reference of what a package's ``__all__`` names."""
    file = ROOT.joinpath(*name.split("."), "__init__.py")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    places = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    verbs = sorted(one for one in _declared(tree) if one in places and one.islower())
    objects = sorted(one for one in _declared(tree) if one in places and not one.islower())
    parts = [summary(file)]
    for heading, names in (("Verbs", verbs), ("Objects", objects)):
        if names:
            parts += [f"## {heading}", *(f"::: {places[one]}" for one in names)]
    return "\n\n".join(parts)


def summary(file: Path) -> str:
    """First paragraph of a module's docstring, fit for a cell of a table."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


def _declared(tree: ast.Module) -> list[str]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(one, ast.Name) and one.id == "__all__" for one in targets):
            return list(ast.literal_eval(node.value))
    return []


def _table(files: list[Path], place: Path) -> str:
    if not files:
        return ""
    rows = [f"| `{file.relative_to(place).as_posix()}` | {summary(file)} |" for file in files]
    return "\n".join(["| module | what it holds |", "|---|---|", *rows])
