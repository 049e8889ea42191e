"""Which module of the package imports which, read from the source without importing it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Trees = Mapping[str, ast.Module]
    Graph = dict[str, set[str]]


def import_graph(trees: Trees) -> Graph:
    """Return the modules that each module imports, at the top, in functions and for types.

    A name that a package only passes on counts as an import of the module that defines it, and
    a module is not held to import the packages that it lies in: what is asked is whether two
    files know each other.
    """
    passed_on = {name: dict(_bindings(tree)) for name, tree in trees.items()}
    return {
        name: {
            _defining(target, attribute, trees, passed_on)
            for target, attribute in _imported(tree)
            if target in trees
        }
        - {name}
        for name, tree in trees.items()
    }


def circles(graph: Graph) -> list[list[str]]:
    """Return the groups of modules that reach each other, each sorted (Tarjan's algorithm)."""
    return _Tarjan(graph).components()


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module, alias.name


def _bindings(tree: ast.Module) -> Iterator[tuple[str, tuple[str, str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, (node.module, alias.name)


def _defining(
    module: str, name: str, trees: Trees, passed_on: Mapping[str, Mapping[str, tuple[str, str]]]
) -> str:
    """Follow a name through packages that pass it on to the module that it comes from."""
    seen: set[tuple[str, str]] = set()
    while name and (module, name) not in seen:
        seen.add((module, name))
        # Names before modules, as Python has it: `causal.rank` is the function once it is bound.
        onward = passed_on[module].get(name)
        if onward and onward[0] in trees and _is_package(module, trees):
            module, name = onward
        elif f"{module}.{name}" in trees:
            return f"{module}.{name}"
        else:
            return module
    return module


def _is_package(module: str, trees: Trees) -> bool:
    return any(other.startswith(f"{module}.") for other in trees)


class _Tarjan:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.index: dict[str, int] = {}
        self.low: dict[str, int] = {}
        self.stack: list[str] = []
        self.found: list[list[str]] = []

    def components(self) -> list[list[str]]:
        for name in sorted(self.graph):
            if name not in self.index:
                self._visit(name)
        return sorted(one for one in self.found if len(one) > 1)

    def _visit(self, name: str) -> None:
        self.index[name] = self.low[name] = len(self.index)
        self.stack.append(name)
        for other in sorted(self.graph[name]):
            if other not in self.index:
                self._visit(other)
                self.low[name] = min(self.low[name], self.low[other])
            elif other in self.stack:
                self.low[name] = min(self.low[name], self.index[other])
        if self.low[name] == self.index[name]:
            cut = self.stack.index(name)
            self.found.append(sorted(self.stack[cut:]))
            del self.stack[cut:]
