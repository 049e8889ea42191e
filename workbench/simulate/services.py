"""A system drawn at random: who calls whom how often, what each does itself, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Array", "Shape", "System", "draw_system"]

Array: TypeAlias = NDArray[np.float64]

_WORDS = (
    "amber anchor apricot aspen badger barley basil beacon birch bramble breeze canyon cedar chalk "
    "cinder clover cobalt copper coral cricket dahlia delta drift ember falcon fennel fern finch "
    "flint garnet ginger granite harbor hazel heron indigo iris ivory jasper juniper kestrel "
    "lagoon larch lemon lilac linden lotus maple marble meadow mica mint moss nectar nettle north "
    "oak olive onyx opal orchid osprey otter pebble pine plum poppy quartz quill raven reed river "
    "robin rowan ruby saffron sage sand shale sorrel sparrow spruce stone swift tansy teal thistle "
    "thyme topaz tulip umber violet walnut willow wren yarrow zephyr"
)
_SYLLABLES = "ba de fo gu ka li mo ne pa ri so tu va we xi yo za"


@dataclass(frozen=True, slots=True)
class Shape:
    """What sort of systems a world has.

    Parameters
    ----------
    least, most
        Number of services, both ends included.
    depth
        Most calls between the entry and a service.
    extra
        Further calls a service, beside the tree that reaches everything.
    beside
        Share of services without a path from the entry.
    """

    least: int = 5
    most: int = 40
    depth: int = 4
    extra: float = 0.25
    beside: float = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """Services by number; a caller's number is below its callees', the entry's is 0.

    Parameters
    ----------
    names, hosts
        What services and hosts are called.
    callers, callees, ratio
        Calls: two numbers of services and calls a request, one an edge, ordered by caller.
    own_s
        Seconds a request takes in the service itself.
    copies, host
        Instances of each service, and the number of the host it runs on.
    outside
        Services of somebody else, which report nothing.
    roots
        Services that requests enter: the entry and those without a path from it.
    """

    names: tuple[str, ...]
    hosts: tuple[str, ...]
    callers: NDArray[np.int64]
    callees: NDArray[np.int64]
    ratio: Array
    own_s: Array
    copies: NDArray[np.int64]
    host: NDArray[np.int64]
    outside: frozenset[int]
    roots: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of services."""
        return len(self.names)

    @property
    def edges(self) -> int:
        """Number of calls."""
        return len(self.ratio)

    def visits(self) -> Array:
        """Count how often a request to the entry reaches each service."""
        entering = np.zeros((self.size, 1))
        entering[0] = 1.0
        return self.flow(entering, self.ratio[:, None])[0][:, 0]

    def flow(self, entering: Array, ratio: Array) -> tuple[Array, Array]:
        """Send requests down the calls.

        Parameters
        ----------
        entering, ratio
            Requests from outside, shape (services, bins), and calls a request, (edges, bins).

        Returns
        -------
        load, calls
            Shapes (services, bins) and (edges, bins).
        """
        load = entering.copy()
        calls = np.empty((self.edges, entering.shape[1]))
        for e, (caller, callee) in enumerate(zip(self.callers, self.callees, strict=True)):
            calls[e] = load[caller] * ratio[e]
            load[callee] += calls[e]
        return load, calls

    def upwards(self) -> Iterator[tuple[int, list[int]]]:
        """Each service after all of its callees, with the numbers of its calls."""
        for service in range(self.size - 1, -1, -1):
            yield service, np.flatnonzero(self.callers == service).tolist()

    def summed(self, own: Array, ratio: Array, network: Array) -> Array:
        """Mean time of a request that waits for all its calls, one after another."""
        total = own.copy()
        for service, calls in self.upwards():
            for e in calls:
                total[service] += ratio[e] * (total[self.callees[e]] + network[e])
        return total

    def failing(self, own: Array, ratio: Array, passed: Array) -> Array:
        """Chance that a request fails, where each call's failure is passed on or not."""
        survives = 1.0 - np.clip(own, 0.0, 1.0)
        for service, calls in self.upwards():
            for e in calls:
                lost = (1.0 - survives[self.callees[e]]) * passed[e]
                survives[service] = survives[service] * (1.0 - np.clip(lost, 0, 1)) ** ratio[e]
        return 1.0 - survives


def draw_system(shape: Shape, rng: np.random.Generator) -> System:
    """Draw services, their calls and where they run."""
    size = round(float(np.exp(rng.uniform(np.log(shape.least), np.log(shape.most)))))
    beside = int(size * shape.beside * rng.random() * 2)
    edges, roots = _edges(size, beside, shape, rng)
    callers, callees = np.array(edges, dtype=np.int64).T
    ratio = rng.choice([1.0, 1.0, 1.0, 1.0, 0.5, 0.3, 0.2, 2.0], len(edges))
    outside = _outside(size, callers, callees, roots, rng)
    hosts = max(2, size // int(rng.integers(3, 7)))
    names = _names(size + hosts, rng)
    return System(
        names=tuple(names[:size]),
        hosts=tuple(names[size:]),
        callers=callers,
        callees=callees,
        ratio=ratio,
        own_s=np.exp(rng.uniform(np.log(0.002), np.log(0.08), size)),
        copies=rng.integers(1, 5, size),
        host=rng.integers(0, hosts, size),
        outside=outside,
        roots=roots,
    )


def _edges(
    size: int, beside: int, shape: Shape, rng: np.random.Generator
) -> tuple[list[tuple[int, int]], tuple[int, ...]]:
    """Draw a tree that reaches everything, further calls, and a tree beside it."""
    first = size - beside
    depth = np.zeros(size, dtype=int)
    edges: set[tuple[int, int]] = set()
    for node in range(1, size):
        if node == first:
            continue
        low = first if node > first else 0
        open_ones = [n for n in range(low, node) if depth[n] < shape.depth]
        parent = int(rng.choice(open_ones))
        depth[node] = depth[parent] + 1
        edges.add((parent, node))
    for node in range(1, first):
        if rng.random() < shape.extra:
            caller = int(rng.integers(0, node))
            edges.add((caller, node))
            depth[node] = max(depth[node], depth[caller] + 1)
    return sorted(edges), (0, first) if beside else (0,)


def _outside(
    size: int,
    callers: NDArray[np.int64],
    callees: NDArray[np.int64],
    roots: tuple[int, ...],
    rng: np.random.Generator,
) -> frozenset[int]:
    """One leaf of the entry's tree belongs to somebody else."""
    reached = {0}
    for caller, callee in zip(callers, callees, strict=True):
        if int(caller) in reached:
            reached.add(int(callee))
    leaves = [n for n in range(1, size) if n in reached and n not in set(callers.tolist())]
    return frozenset({int(rng.choice(leaves))}) if leaves else frozenset()


def _names(count: int, rng: np.random.Generator) -> list[str]:
    """Names that say nothing: words, codes or syllables."""
    style = int(rng.integers(3))
    if style == 0:
        words = _WORDS.split()
        return [words[i] for i in rng.permutation(len(words))[:count]]
    if style == 1:
        return [f"s{i:03x}" for i in rng.permutation(4096)[:count]]
    parts = _SYLLABLES.split()
    pairs = [a + b + c for a in parts for b in parts for c in parts[:4]]
    return [pairs[i] for i in rng.permutation(len(pairs))[:count]]
