"""Lists of modules in the pages of rooms, read from the code: they cannot grow old.

A line ``<!-- modules workbench.causal -->`` becomes a table of that package's modules with the
first lines of each docstring, a heading a wing.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARKER = re.compile(r"^<!-- modules ([\w. ]+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the tables in the place of their markers."""
    return MARKER.sub(lambda found: "\n\n".join(map(modules, found[1].split())), markdown)


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


def summary(file: Path) -> str:
    """First sentence of a module's docstring, without a table's separator."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


def _table(files: list[Path], place: Path) -> str:
    if not files:
        return ""
    rows = [f"| `{file.relative_to(place).as_posix()}` | {summary(file)} |" for file in files]
    return "\n".join(["| module | what it holds |", "|---|---|", *rows])
