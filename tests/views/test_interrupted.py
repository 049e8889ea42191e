from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest

from planted import START, Fault, metrics_window
from workbench.slis import SLI
from workbench.views import interrupted

AT = START + pd.Timedelta(90, "min")
FRONT = SLI("front", "latency")


@dataclass(frozen=True)
class Step:
    """What the view reads of an effect."""

    effect: float
    moved_it: bool
    change: str = "payments-2"
    service: str = "payments"
    at: pd.Timestamp = AT
    sli: SLI = FRONT
    bins_before: int = 60
    bins_after: int = 30
    step_s: float = 60.0
    unit: str = "s"
    statement: str = "payments-2 moved front/latency"

    @property
    def low(self) -> float:
        return self.effect - 0.01

    @property
    def high(self) -> float:
        return self.effect + 0.01


@pytest.fixture(scope="module")
def slow():
    return metrics_window(faults=(Fault("payments", "latency", 0.2),), seed=1)


def rows_of(chart) -> list[dict]:
    return [row for rows in chart.spec()["datasets"].values() for row in rows]


def test_the_step_is_drawn_from_the_mean_before(slow) -> None:
    rows = rows_of(interrupted(slow, Step(0.06, moved_it=True)))
    before, after = [row["y"] for row in rows if "t2" in row]
    own = [row["y"] for row in rows if row.get("what", "").startswith("own")]
    assert before == pytest.approx(sum(own[:60]) / 60, rel=1e-6)
    assert after - before == pytest.approx(60)
    assert len(own) == len([r for r in rows if r.get("what") == "the SLI"])


def test_the_own_part_shows_the_fault_and_lies_below_the_sli(slow) -> None:
    rows = rows_of(interrupted(slow, Step(0.06, moved_it=True)))
    sli = [row["y"] for row in rows if row.get("what") == "the SLI"]
    own = [row["y"] for row in rows if row.get("what", "").startswith("own")]
    assert all(part < whole for part, whole in zip(own, sli, strict=True))
    assert min(own[62:88]) > max(own[:58])


def test_a_step_up_down_and_none_have_their_own_colours(slow) -> None:
    steps = (Step(0.06, moved_it=True), Step(-0.06, moved_it=True), Step(0.001, moved_it=False))
    colours = [interrupted(slow, s).spec()["layer"][-1]["mark"]["color"] for s in steps]
    assert len(set(colours)) == 3


def test_it_says_the_step_with_its_interval_and_can_be_drawn(slow) -> None:
    chart = interrupted(slow, Step(0.06, moved_it=True))
    title = chart.spec()["title"]["text"].replace("\u00a0", " ")
    assert title == "payments-2: a step of +60 ms (50 … 70)"
    assert chart.to_svg().startswith("<svg")
