"""A world: forty incidents of systems that share their physics and nothing else."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import unknown_name
from workbench.simulate.course import Course, Setup
from workbench.simulate.incidents import COUNT, Incident, Recipe, draw_incident
from workbench.simulate.noticing import healthy, noticed
from workbench.simulate.telemetry import Instruments, draw_instruments, measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.window import IncidentWindow

__all__ = ["Label", "World"]

_ATTEMPTS = 25


@dataclass(frozen=True, slots=True)
class Label:
    """What was wrong in a simulated incident.

    Parameters
    ----------
    services
        Where: any of these names is right; empty where nothing was wrong.
    kind
        What was drawn: one of `workbench.simulate.faults.KINDS` or of
        `workbench.simulate.incidents.QUIET`.
    mechanism
        What it did; of a deploy or configuration not its kind.
    change
        Name of the change that did it, or empty.
    """

    services: tuple[str, ...]
    kind: str
    mechanism: str = ""
    change: str = ""

    @property
    def nothing(self) -> bool:
        """Whether nothing was wrong."""
        return not self.services


@dataclass(frozen=True, slots=True)
class World:
    """Incidents of one kind of physics, by seed: the same id gives the same bytes.

    Parameters
    ----------
    name
        Name of the world, and beginning of its incidents' ids.
    physics
        From what goes wrong to what happens.
    recipe
        What sort of systems it has.
    """

    name: str
    physics: Callable[[Setup], Course]
    recipe: Recipe

    @property
    def seed(self) -> int:
        """Seed of the world: a checksum of its name."""
        return zlib.crc32(self.name.encode())

    @property
    def ids(self) -> tuple[str, ...]:
        """Incidents in order."""
        return tuple(f"{self.name}-{number:02d}" for number in range(COUNT))

    def load(self, incident: str) -> IncidentWindow:
        """Make the window of an incident; its label is not looked at.

        Raises
        ------
        UnknownName
            No incident has this id.
        """
        drawn, number = self.drawn(incident), self._number(incident)
        setup = self._setup(drawn, number, faults=True)
        rng = np.random.default_rng([self.seed, 3, number])
        instruments = self.instruments(incident)
        course = self.physics(setup)
        return measure(drawn, setup, course, name=incident, instruments=instruments, rng=rng)

    def truth(self, incident: str) -> Label:
        """Say what was wrong.

        Raises
        ------
        UnknownName
            No incident has this id.
        """
        drawn = self.drawn(incident)
        if not drawn.faults:
            return Label((), drawn.kind)
        (fault,) = drawn.faults
        right = self._right(drawn, incident)
        return Label(right, drawn.kind, fault.mechanism, drawn.guilty)

    def drawn(self, incident: str) -> Incident:
        """Everything drawn for an incident but its telemetry."""
        return _drawn(self, self._number(incident))

    def instruments(self, incident: str) -> Instruments:
        """How an incident is measured."""
        rng = np.random.default_rng([self.seed, 2, self._number(incident)])
        drawn = self.drawn(incident)
        sli = self.recipe.sli(drawn.system) if self.recipe.sli else 0
        return draw_instruments(drawn, sli=sli, rng=rng)

    def course(self, incident: str, *, faults: bool = True) -> Course:
        """Let happen what happened in an incident, or would have without its fault."""
        return self.happened(self.drawn(incident), self._number(incident), faults=faults)

    def happened(self, drawn: Incident, number: int, *, faults: bool = True) -> Course:
        """Run the physics on what was drawn, with the noise of the incident of this number."""
        return self.physics(self._setup(drawn, number, faults=faults))

    def _number(self, incident: str) -> int:
        if incident not in self.ids:
            raise unknown_name(what="incident", name=incident, known=self.ids)
        return self.ids.index(incident)

    def _setup(self, drawn: Incident, number: int, *, faults: bool) -> Setup:
        return Setup(
            system=drawn.system,
            clock=drawn.clock,
            traffic=drawn.traffic,
            effects=drawn.effects(faults=faults),
            seed=(self.seed, 4, number),
        )

    def _right(self, drawn: Incident, incident: str) -> tuple[str, ...]:
        """Names that are right: of what nobody can see, whoever calls it."""
        (fault,), system = drawn.faults, drawn.system
        names = system.names
        if fault.mechanism == "host":
            residents = [names[s] for s in np.flatnonzero(system.host == fault.service)]
            return (system.hosts[fault.service], *residents)
        if fault.mechanism == "surge":
            return self._surged(drawn, incident)
        place = fault.service
        told = self.instruments(incident)
        hidden = told.graph == "none" and not told.calls
        if place in told.silent and hidden:
            return tuple(names[c] for c in system.callers[system.callees == place])
        return (names[place],)

    def _surged(self, drawn: Incident, incident: str) -> tuple[str, ...]:
        """Where load entered, and the service that could not bear it, if one could not."""
        spent = self.course(incident).self_time
        onset, visits = drawn.clock.onset, drawn.system.visits()
        before, after = spent[:, :onset].mean(axis=1), spent[:, onset:].mean(axis=1)
        worst = int(np.argmax(visits * (after - before)))
        names = drawn.system.names
        full = worst != 0 and after[worst] > 1.5 * before[worst]
        return (names[0], names[worst]) if full else (names[0],)


@lru_cache(maxsize=512)
def _drawn(world: World, number: int) -> Incident:
    """Draw until somebody would have noticed, or, of a quiet one, nobody would."""
    for attempt in range(_ATTEMPTS):
        drawn = draw_incident(world.recipe, number, seed=world.seed, attempt=attempt)
        course = world.happened(drawn, number)
        onset = drawn.clock.onset
        if healthy(course, onset) and noticed(course, onset) == bool(drawn.faults):
            break
    return drawn
