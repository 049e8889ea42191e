"""YAML settings that cannot grow: an alias repeats what it names, and aliases of aliases multiply.

The nodes are counted as they would be once every alias is written out, before any value is made
of them; merge keys (``<<``) and aliases to themselves are counted the same way (CWE-776).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MOST_CHARACTERS", "TooMuch", "document", "documents"]

MOST_CHARACTERS = 1_000_000
"""Of a settings file: a policy or a list of sources of a large organisation is a tenth of it."""

_MOST_NODES = 100_000
_DEEPEST = 60


class TooMuch(yaml.MarkedYAMLError):
    """A document that is larger, or deeper, than settings are."""


def documents(text: str) -> Iterator[tuple[yaml.Node | None, Any]]:
    """Read the documents of a text, each as a node that knows its lines and as plain values.

    Raises
    ------
    yaml.YAMLError
        Not YAML, a tag that is not plain, or too much of it (`TooMuch`).
    """
    if len(text) > MOST_CHARACTERS:
        raise TooMuch(problem=f"more than {MOST_CHARACTERS:,} characters")
    try:
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            if node is not None:
                _count(node, [_MOST_NODES], 0)
            yield node, _value(node)
    except RecursionError as error:
        raise TooMuch(problem="nested too deeply") from error
    except (
        ValueError,
        TypeError,
        OverflowError,
    ) as error:  # a date that is none, an unhashable key
        raise TooMuch(problem="a value that cannot be meant") from error


def document(text: str) -> tuple[yaml.Node | None, Any]:
    """Read a text of one document, or of none.

    Raises
    ------
    yaml.YAMLError
        As `documents`; or there is another document behind the first.
    """
    found = list(documents(text))
    if len(found) > 1:
        mark = found[1][0].start_mark if found[1][0] is not None else None
        raise TooMuch(problem="a second document", problem_mark=mark)
    return found[0] if found else (None, None)


def _value(node: yaml.Node | None) -> Any:  # noqa: ANN401 - YAML has any type
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node) if node is not None else None
    finally:
        loader.dispose()


def _count(node: yaml.Node, left: list[int], depth: int) -> None:
    left[0] -= 1
    if left[0] < 0 or depth > _DEEPEST:
        problem = "too large or too deep once its aliases are written out"
        raise TooMuch(problem=problem, problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _count(key, left, depth + 1)
            _count(value, left, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _count(value, left, depth + 1)
