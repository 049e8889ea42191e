"""Simulated worlds: incidents with known answers, of physics that no engine was built on.

Each world draws for each of its forty incidents a system, its traffic, what goes wrong (or
nothing), what only seems to, and how it all is measured. The window and the label come from
separate calls, and only scoring makes the second.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from workbench.simulate import (
    fallbacks,
    hosts,
    pipelines,
    queueing,
    serverless,
    sparse,
    trees,
)
from workbench.simulate.incidents import Recipe
from workbench.simulate.services import Shape
from workbench.simulate.world import Label, World

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Label", "World", "worlds"]

_WORLDS = (
    World("queueing", queueing.run, Recipe(Shape(least=5, most=30), most=400)),
    World("trees", trees.run, Recipe(Shape(depth=5))),
    World(
        "pipelines",
        pipelines.run,
        Recipe(Shape(most=20, depth=6, extra=0.35), places=pipelines.places, sli=pipelines.sink),
    ),
    World("serverless", serverless.run, Recipe(Shape(most=25))),
    World("hosts", hosts.run, Recipe(Shape(least=8, beside=0.3), neighbours=True)),
    World("fallbacks", fallbacks.run, Recipe(Shape(least=6, most=25), most=300)),
    World("sparse", sparse.run, Recipe(Shape(most=15, depth=3, beside=0.0))),
)


def worlds() -> Mapping[str, World]:
    """Every world by name.

    Examples
    --------
    >>> sorted(worlds())[:3]
    ['fallbacks', 'hosts', 'pipelines']
    >>> worlds()["queueing"].ids[0]
    'queueing-00'
    """
    return MappingProxyType({world.name: world for world in _WORLDS})
