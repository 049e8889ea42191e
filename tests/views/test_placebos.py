from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.slis import SLI
from workbench.views import Card, Chart, placebos


def effect(value: float = 0.54, *, null=None, earlier=(), change="orders@2.4.0") -> SimpleNamespace:
    moved = tuple(np.random.default_rng(1).normal(0, 0.001, 200)) if null is None else null
    return SimpleNamespace(
        change=change,
        sli=SLI("checkout", "latency"),
        unit="s",
        effect=value,
        low=value - 0.015,
        high=value + 0.015,
        moved_it=value > 0.1,
        placebo_effects=moved,
        placebos=len(moved),
        placebos_as_large=sum(abs(v) >= abs(value) for v in moved),
        earlier=tuple(SimpleNamespace(change=f"v{i}", effect=v) for i, v in enumerate(earlier)),
        statement="orders@2.4.0 moved checkout/latency",
    )


def rows_of(chart: Chart) -> list[dict]:
    return [row for rows in chart.spec()["datasets"].values() for row in rows]


def texts(chart: Chart) -> list[tuple[str, str]]:
    return [(r["label"], r["text"].replace("\u00a0", " ")) for r in rows_of(chart) if "text" in r]


def test_every_placebo_moment_is_a_mark_and_the_count_is_said() -> None:
    chart = placebos(effect())
    assert (
        sum(row.get("kind") == "nothing was changed" and "moved" in row for row in rows_of(chart))
        == 200
    )
    assert texts(chart) == [
        ("200 quiet moments", "0 of 200 as large"),
        ("orders@2.4.0", "+540 ms (525 … 555)"),
    ]
    assert "0 of 200 quiet moments" in chart.spec()["title"]["subtitle"][0]


def test_earlier_changes_have_a_row_and_a_mark_of_their_own() -> None:
    chart = placebos(effect(earlier=(0.002, 0.6)))
    assert ("2 earlier changes", "1 of 2 as large") in texts(chart)
    shapes = [layer["mark"].get("shape") for layer in chart.spec()["layer"]]
    assert {"triangle-up", "diamond"} <= set(shapes)


def test_an_innocent_change_is_not_drawn_as_guilty() -> None:
    guilty, innocent = (str(placebos(effect(v)).spec()) for v in (0.54, 0.0001))
    assert guilty != innocent
    assert "#c04a00" in guilty
    assert "#c04a00" not in innocent


@pytest.mark.slow
def test_marks_lie_apart_the_same_way_each_time() -> None:
    first, second = (placebos(effect()).spec() for _ in range(2))
    assert first == second
    assert len({row["offset"] for row in rows_of(placebos(effect())) if "offset" in row}) > 190


def test_without_a_quiet_moment_there_is_a_card() -> None:
    assert isinstance(placebos(effect(null=())), Card)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["x" * 300, "<script>\"'&", "", "config 2 s → 10 s"])
def test_any_reference_can_be_drawn(change: str) -> None:
    assert "<script" not in placebos(effect(change=change)).to_svg()
