"""Named checks that a claim was put to: ids in one place, their words in one table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from warnings import warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["WORDS", "CheckId", "CheckResult", "Outcome", "check", "failed", "not_passed", "not_run"]

Outcome = Literal["passed", "failed", "not_run"]


class CheckId(StrEnum):
    """Every check there is."""

    LEFT_RANGE = "left_range"
    MOVES_WITH_SLI = "moves_with_sli"
    ON_PATH = "on_path"
    NOT_AFTER_SLI = "not_after_sli"
    PART_EXCLUDES_ZERO = "part_excludes_zero"
    PLACEBO_WINDOWS = "placebo_windows"
    STANDS_OUT = "stands_out"
    ENOUGH_HISTORY = "enough_history"
    SOURCES_PRESENT = "sources_present"
    HOST_SLOWED_TOGETHER = "host_slowed_together"
    NOT_BY_HOST = "not_by_host"
    LOAD_LEFT_RANGE = "load_left_range"
    LOAD_ARRIVED = "load_arrived"
    TIME_FOLLOWS_LOAD = "time_follows_load"
    SOMETHING_USED_UP = "something_used_up"
    NOT_BY_LOAD = "not_by_load"
    FAILED_FIRST = "failed_first"
    SLI_GOT_WORSE = "sli_got_worse"
    EFFECT_ESTIMATED = "effect_estimated"
    EFFECT_EXCLUDES_ZERO = "effect_excludes_zero"
    EFFECT_IS_MATERIAL = "effect_is_material"
    PLACEBO_MOMENTS = "placebo_moments"
    DIFFERENCE_IN_DIFFERENCES = "difference_in_differences"
    SHUFFLED_TIMES = "shuffled_times"
    RANDOM_COMMON_CAUSE = "random_common_cause"
    SUBSET = "subset"
    UNOBSERVED_COMMON_CAUSE = "unobserved_common_cause"


WORDS: Mapping[CheckId, str] = MappingProxyType(
    {
        CheckId.LEFT_RANGE: "left its own range",
        CheckId.MOVES_WITH_SLI: "moves with the SLI",
        CheckId.ON_PATH: "on the path",
        CheckId.NOT_AFTER_SLI: "not after the SLI",
        CheckId.PART_EXCLUDES_ZERO: "own part excludes zero",
        CheckId.PLACEBO_WINDOWS: "placebo windows",
        CheckId.STANDS_OUT: "stands out",
        CheckId.ENOUGH_HISTORY: "enough history",
        CheckId.SOURCES_PRESENT: "its sources were there",
        CheckId.HOST_SLOWED_TOGETHER: "slowed what runs there together",
        CheckId.NOT_BY_HOST: "by itself, not by its host",
        CheckId.LOAD_LEFT_RANGE: "load left its range",
        CheckId.LOAD_ARRIVED: "the load arrived there",
        CheckId.TIME_FOLLOWS_LOAD: "own time follows load",
        CheckId.SOMETHING_USED_UP: "something is used up",
        CheckId.NOT_BY_LOAD: "by itself, not by its load",
        CheckId.FAILED_FIRST: "failed first",
        CheckId.SLI_GOT_WORSE: "the SLI got worse",
        CheckId.EFFECT_ESTIMATED: "effect estimated",
        CheckId.EFFECT_EXCLUDES_ZERO: "effect excludes zero",
        CheckId.EFFECT_IS_MATERIAL: "effect is material",
        CheckId.PLACEBO_MOMENTS: "placebo moments",
        CheckId.DIFFERENCE_IN_DIFFERENCES: "difference-in-differences",
        CheckId.SHUFFLED_TIMES: "change times shuffled",
        CheckId.RANDOM_COMMON_CAUSE: "random common cause",
        CheckId.SUBSET: "subset",
        CheckId.UNOBSERVED_COMMON_CAUSE: "unobserved common cause",
    }
)
"""What a person reads for each check."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check that a claim was put to, and how it ended.

    Parameters
    ----------
    id
        Which check.
    outcome
        ``not_run`` where the data it needs were not there: nothing climbs over that.
    figure
        The figure that decided, in words.
    subject
        Whom it speaks of, where that is not the claim's own subject.
    """

    id: CheckId
    outcome: Outcome
    figure: str
    subject: str = ""

    @property
    def passed(self) -> bool:
        """Whether it was run and passed."""
        return self.outcome == "passed"

    @property
    def name(self) -> str:
        """The check in words."""
        return f"{self.subject} {WORDS[self.id]}".strip()

    @property
    def statement(self) -> str:
        """The figure that decided; the name of old."""
        return self.figure

    def __iter__(self) -> Iterator[str | bool]:
        """Unpack as the triple of old; for one version, with a warning."""
        hint = "A test is a CheckResult now: read .id, .passed and .figure"
        warn(hint, DeprecationWarning, stacklevel=2)
        return iter((self.name, self.passed, self.figure))


def check(name: CheckId, figure: str, *, passed: bool) -> CheckResult:
    """Write down a check that was run.

    Parameters
    ----------
    name, figure, passed
        Which, the figure that decided, and whether it was passed.
    """
    return CheckResult(name, "passed" if passed else "failed", figure)


def failed(name: CheckId, figure: str) -> CheckResult:
    """Write down a check that was run and failed."""
    return CheckResult(name, "failed", figure)


def not_run(name: CheckId, why: str) -> CheckResult:
    """Write down a check whose data were not there."""
    return CheckResult(name, "not_run", why)


def not_passed(results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """Return the checks that failed, and those that could not be run."""
    return tuple(result for result in results if not result.passed)
