"""What the telemetry is made from, together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.simulate.course import Course, Setup
    from workbench.simulate.services import System
    from workbench.simulate.telemetry.instruments import Instruments
    from workbench.simulate.telemetry.times import Calendar

__all__ = ["Observed"]


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What happened where, how it is measured, and when that was.

    Parameters
    ----------
    setup, course
        What a world's physics ran on, and what came of it.
    instruments, calendar
        How it is measured, and when its bins lie.
    """

    setup: Setup
    course: Course
    instruments: Instruments
    calendar: Calendar

    @property
    def system(self) -> System:
        """Services and calls."""
        return self.setup.system
