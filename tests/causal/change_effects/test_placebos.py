"""Placebo moments and earlier changes, from the window and from its history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from planted import START, Fault, metrics_window
from workbench.causal.change_effects.change_data import bins_around, prepare
from workbench.causal.change_effects.placebos import earlier_changes, placebo_moments


def deploys(*minutes: float, service: str = "payments") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "ts": START + pd.Timedelta(m, "min"),
                "kind": "deploy",
                "service": service,
                "ref": f"{service}-{m:g}",
            }
            for m in minutes
        ]
    )


def seen_with(window, past=None):
    seen = prepare(window)
    return replace(seen, past=past, past_signals=prepare(past).signals if past else None)


@pytest.mark.slow
def test_moments_are_drawn_by_the_seed_and_at_most_200():
    past = metrics_window(seed=9, bins=600)
    seen = seen_with(metrics_window(seed=1, changes=deploys(90)), past)
    data = bins_around(seen, "payments-90", seen.window.sli())
    first = placebo_moments(data, seed=3)
    assert len(first) == 200
    assert np.array_equal(first, placebo_moments(data, seed=3))
    assert not np.array_equal(first, placebo_moments(data, seed=4))


def test_a_short_quiet_stretch_gives_few_or_none():
    seen = seen_with(metrics_window(seed=1, bins=40, changes=deploys(30)))
    data = bins_around(seen, "payments-30", seen.window.sli())
    assert len(placebo_moments(data, seed=0)) <= 20


def test_deploys_of_the_history_count_and_those_of_others_do_not():
    fault = (Fault("payments", "latency", 0.2, at=0.5),)
    past = metrics_window(faults=fault, seed=9, changes=deploys(20, 60))
    told = pd.concat([deploys(80, 90), deploys(70, service="catalog")], ignore_index=True)
    seen = seen_with(metrics_window(seed=1, changes=told.assign(ref=told["ref"] + "b")), past)
    found = earlier_changes(seen, bins_around(seen, "payments-90b", seen.window.sli()))
    by_change = {e.change: e.effect for e in found}
    assert set(by_change) == {"payments-20", "payments-60", "payments-80b"}
    assert by_change["payments-60"] > 0.05
    assert abs(by_change["payments-20"]) < 0.01


def test_an_earlier_change_without_room_is_left_out():
    seen = seen_with(metrics_window(seed=1, changes=deploys(88, 90)))
    assert earlier_changes(seen, bins_around(seen, "payments-90", seen.window.sli())) == ()
