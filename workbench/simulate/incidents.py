"""One incident drawn from its number: system, traffic, what goes wrong and what only seems to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.simulate.faults import KINDS, Fault, draw_fault, effects_of
from workbench.simulate.services import draw_system
from workbench.simulate.traffic import draw_clock, draw_traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.simulate.faults import Effects
    from workbench.simulate.services import Array, Shape, System
    from workbench.simulate.traffic import Clock

__all__ = ["COUNT", "QUIET", "Change", "Incident", "Recipe", "draw_incident", "schedule"]

COUNT = 40
"""Incidents of each world."""

QUIET = ("quiet",) * 4 + ("quiet, deploy",) * 3 + ("quiet, more load",) * 3
"""Incidents of each world in which nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What of an incident depends on its world.

    Parameters
    ----------
    shape
        What sort of systems.
    most
        Most bins before the onset.
    places
        How often a request that the SLI is about passes each service; by default one that
        enters at the entry.
    sli
        Number of the service that the SLI is of; by default the entry's.
    neighbours
        Whether services on one host can take each other's processors.
    """

    shape: Shape
    most: int = 600
    places: Callable[[System], Array] | None = None
    sli: Callable[[System], int] | None = None
    neighbours: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A recorded change: its bin, which may have a fraction, its kind, service and name."""

    at: float
    kind: str
    service: int
    ref: str


@dataclass(frozen=True, slots=True, eq=False)
class Incident:
    """Everything drawn for one incident, its telemetry left out.

    Parameters
    ----------
    kind
        One of `workbench.simulate.faults.KINDS` or of `QUIET`.
    faults
        What goes wrong; empty where nothing does.
    changes
        What was recorded, innocent ones too, in order of time.
    guilty
        Name of the change that did it, or empty.
    repeated
        Bins before the onset at which the same happened before; 0 where it did not.
    noisy
        Services off the entry's ways that are busy during the incident by chance.
    """

    kind: str
    system: System
    clock: Clock
    traffic: Array
    faults: tuple[Fault, ...]
    changes: tuple[Change, ...]
    guilty: str
    repeated: int
    noisy: tuple[int, ...]

    def effects(self, *, faults: bool = True) -> Effects:
        """Gather what is wrong in each bin, and what innocent changes and noisy services do."""
        wrong = self.faults if faults else ()
        effects = effects_of(wrong, self.system, self.clock, repeated=self.repeated)
        for change in self.changes:
            if change.kind == "deploy" and change.ref != self.guilty:
                effects.restarts[change.service, min(int(change.at), self.clock.size - 1)] = 1.0
        for service in self.noisy:
            effects.demand[service] *= 1 + self.clock.active
        if self.kind == "quiet, more load":
            effects.surge *= 1 + 0.25 * self.clock.active
        return effects


def schedule(*, seed: int) -> tuple[str, ...]:
    """Kinds of a world's incidents in order: every kind of fault twice or more, ten quiet."""
    rng = np.random.default_rng([seed, 0])
    kinds = [KINDS[i] for i in rng.permutation(len(KINDS))]
    faults = [kinds[i % len(kinds)] for i in range(COUNT - len(QUIET))]
    mixed = [*faults, *QUIET]
    return tuple(mixed[i] for i in rng.permutation(COUNT))


def draw_incident(recipe: Recipe, number: int, *, seed: int, attempt: int = 0) -> Incident:
    """Draw the incident of this number of the world of this seed.

    Parameters
    ----------
    recipe, number, seed
        Which one.
    attempt
        Another one of the same kind, for where nobody would have noticed the first.
    """
    kind = schedule(seed=seed)[number]
    rng = np.random.default_rng([seed, 1, number, attempt])
    clock = draw_clock(rng, most=recipe.most)
    system = draw_system(recipe.shape, rng)
    traffic = draw_traffic(clock, rng)
    places = recipe.places(system) if recipe.places else None
    faults: tuple[Fault, ...] = ()
    if kind in KINDS:
        faults = (draw_fault(kind, system, rng, places=places, neighbours=recipe.neighbours),)
    changes, guilty = _changes(kind, faults, system, clock, rng)
    during = clock.size - clock.onset
    again = bool(faults) and clock.onset > 3 * during and rng.random() < 0.15
    return Incident(
        kind=kind,
        system=system,
        clock=clock,
        traffic=traffic,
        faults=faults,
        changes=changes,
        guilty=guilty,
        repeated=int(rng.uniform(during + 2, clock.onset - 2)) if again else 0,
        noisy=_noisy(system, rng),
    )


def _changes(
    kind: str,
    faults: tuple[Fault, ...],
    system: System,
    clock: Clock,
    rng: np.random.Generator,
) -> tuple[tuple[Change, ...], str]:
    """Record the guilty change where there is one, and innocent ones near the onset and before."""
    refs = [f"{n:06x}" for n in rng.choice(1 << 24, 6, replace=False)]
    found, guilty = [], ""
    if kind in {"deploy", "config"}:
        guilty = refs[0]
        found.append(Change(clock.onset - rng.uniform(0.05, 0.9), kind, faults[0].service, guilty))
    innocent = 0 if kind == "quiet" else int(rng.integers(0, 4))
    for ref in refs[1 : 1 + max(innocent, int(kind == "quiet, deploy"))]:
        near = clock.onset + rng.uniform(-4, 1)
        at = near if ref == refs[1] else rng.uniform(1, clock.size - 1)
        sort = str(rng.choice(["deploy", "deploy", "config", "flag", "scaling"]))
        sort = "deploy" if kind == "quiet, deploy" else sort
        service = int(rng.choice([s for s in range(system.size) if s not in system.outside]))
        found.append(Change(max(at, 0.5), sort, service, ref))
    return tuple(sorted(found, key=lambda change: change.at)), guilty


def _noisy(system: System, rng: np.random.Generator) -> tuple[int, ...]:
    """Draw a service off the entry's ways that happens to be busy during the incident."""
    visits = system.visits()
    beside = [s for s in range(system.size) if visits[s] == 0]
    return (int(rng.choice(beside)),) if beside and rng.random() < 0.4 else ()
