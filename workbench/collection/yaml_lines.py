"""Where in a YAML file something stands: errors of a settings file name their line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from workbench.bounded_yaml import MOST_CHARACTERS, document
from workbench.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pydantic

__all__ = ["explained", "line_of", "read_yaml"]


def read_yaml(path: Path) -> tuple[Any, yaml.Node | None]:
    """Read one YAML document as values and as nodes that know their lines.

    Raises
    ------
    BadInput
        The file cannot be read, is not YAML, holds a key twice, or too much.
    """
    try:
        with path.open(encoding="utf-8-sig") as stream:
            text = stream.read(MOST_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(fact="A settings file that cannot be read", value=str(path)) from error
    try:
        node, value = document(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        said = getattr(error, "problem", None) or "it cannot be read"
        raise BadInput(fact="Not YAML", value=place, hint=str(said)) from error
    _check_twice(node, path)
    return value, node


def line_of(node: yaml.Node | None, path: Sequence[str | int]) -> int:
    """Line of what stands at a path of keys and places, or of its nearest parent."""
    line = node.start_mark.line + 1 if node is not None else 1
    for step in path:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            found = (node.value[step], node.value[step]) if step < len(node.value) else None
        if found is None:
            return line
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def explained(
    error: pydantic.ValidationError, path: Path, node: yaml.Node | None, *, at: Sequence[str] = ()
) -> BadInput:
    """Make an error that names each wrong line; values are not repeated, they may be secrets."""
    told = []
    for one in error.errors(include_input=False, include_url=False):
        place = [*at, *one["loc"]]
        name = ".".join(str(step) for step in place)
        told.append(f"line {line_of(node, place)}: {name}: {one['msg']}")
    return BadInput("Settings with errors", value=str(path), hint="; ".join(told))


def _check_twice(node: yaml.Node | None, path: Path) -> None:
    """YAML lets a key come twice and keeps the last: a source would vanish in silence."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                place = f"{path}:{key.start_mark.line + 1}"
                raise BadInput(fact=f"{key.value!r} stands there twice", value=place)
            seen.add(key.value)
            _check_twice(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _check_twice(value, path)
