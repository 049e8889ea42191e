"""YAML of strangers as plain values: no tag is constructed, no alias multiplied, all capped.

Documents are composed into nodes by PyYAML's safe loader and walked here: every scalar stays
the text it is, so that no value of YAML's own types can surprise (``on``, ``1:30``, dates).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from workbench.connectors.reading.rows import text_of
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["yaml_documents"]

_MOST_NODES = 200_000
_DEEPEST = 60


@dataclass(slots=True)
class _Budget:
    """Nodes that may still be visited; an alias visits its target's again."""

    left: int = _MOST_NODES

    def spend(self, node: yaml.Node, depth: int) -> int:
        self.left -= 1
        if self.left < 0 or depth > _DEEPEST:
            place = node.start_mark.line + 1
            raise SourceGarbled(fact="YAML too large, too deep or of too many aliases", value=place)
        return self.left


def yaml_documents(data: bytes) -> Iterator[tuple[int, Any]]:
    """Read the documents of a file, each with the line it starts on.

    Yields
    ------
    tuple
        Line, and mappings, lists and texts; an empty scalar is empty text.

    Raises
    ------
    SourceGarbled
        Not UTF-8, not YAML, or beyond the caps; documents before the trouble have been given.
    """
    try:
        text = data.decode("utf-8-sig")
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            if node is not None:
                yield node.start_mark.line + 1, _value(node, _Budget(), 0)
    except UnicodeDecodeError as error:
        raise SourceGarbled(fact="Not UTF-8", value=error.reason) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        first = " ".join(str(error).split())[:200]
        raise SourceGarbled(fact="Not YAML", value=first) from error


def _value(node: yaml.Node, budget: _Budget, depth: int) -> Any:  # noqa: ANN401 - YAML has any type
    budget.spend(node, depth)
    if isinstance(node, yaml.MappingNode):
        return {
            text_of(_value(key, budget, depth + 1)): _value(value, budget, depth + 1)
            for key, value in node.value
        }
    if isinstance(node, yaml.SequenceNode):
        return [_value(one, budget, depth + 1) for one in node.value]
    is_null = node.tag == "tag:yaml.org,2002:null"
    return "" if is_null else text_of(node.value)
