from __future__ import annotations

import json

import pytest
from IPython.core.interactiveshell import InteractiveShell

from pictures import NASTY, at, diagnosis, window
from workbench.errors import BundleMissing
from workbench.views import Card, panel
from workbench.views.selection import Source, range_ends, sli_choices


class Recorded:
    """Incidents in memory; counts how often each was judged."""

    def __init__(self) -> None:
        self.judged: list[tuple[str, str, object]] = []

    def load(self, incident: str):
        if incident == "lost":
            raise BundleMissing("No incident bundle here", value="lost", hint="Record it anew")
        return window(id=incident, title=incident)

    def compare(self, seen, sli):
        self.judged.append((seen.id, str(sli), seen.when))
        return diagnosis(window_id=seen.id, sli=sli, verdict=f"verdict on {seen.id} {NASTY}")

    def source(self) -> Source:
        return Source(lambda: ["first", "second", "lost"], self.load, self.compare)


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


def test_a_known_diagnosis_is_not_made_again(recorded: Recorded) -> None:
    shown = panel(window(id="first"), diagnosis(), source=recorded.source())
    assert recorded.judged == []
    assert "payments caused it" in repr(shown)
    assert shown.incident.options == ("first", "second", "lost")


def test_another_incident_changes_the_verdict(recorded: Recorded) -> None:
    shown = panel(window(id="first"), diagnosis(), source=recorded.source())
    shown.incident.value = "second"
    assert shown.selection.incident == "second"
    assert "verdict on second" in shown.shown[0].text
    assert len(recorded.judged) == 1, "options that follow must not judge every step"


@pytest.mark.slow
def test_going_back_is_free(recorded: Recorded) -> None:
    shown = panel(window(id="first"), diagnosis(), source=recorded.source())
    shown.incident.value = "second"
    shown.incident.value = "first"
    assert len(recorded.judged) == 1
    assert "payments caused it" in shown.shown[0].text


@pytest.mark.slow
def test_another_range_is_judged_over_that_range(recorded: Recorded) -> None:
    shown = panel(window(id="first"), diagnosis(), source=recorded.source())
    shown.range.value = (at(12), at(18))
    (seen,) = recorded.judged
    assert (seen[2].start, seen[2].end) == (at(12), at(18))


@pytest.mark.slow
def test_an_error_is_a_card_and_the_panel_lives_on(recorded: Recorded) -> None:
    shown = panel(window(id="first"), diagnosis(), source=recorded.source())
    shown.incident.value = "lost"
    assert "Record it anew" in shown.shown[0].html
    assert len(shown.shown) == 1
    shown.incident.value = "second"
    assert "verdict on second" in shown.shown[0].text


def test_a_range_that_is_none_is_an_error_card(recorded: Recorded) -> None:
    shown = panel(window(id="first"), diagnosis(), source=recorded.source())
    shown.range.value = (at(12), at(12))
    assert "must end after it starts" in shown.shown[0].html
    assert isinstance(shown.shown[0], Card)


def test_nothing_of_the_verdict_is_markup(recorded: Recorded) -> None:
    shown = panel(window(id="first"), diagnosis(), source=recorded.source())
    shown.incident.value = "second"
    assert "<script" not in shown.shown[0].html
    assert "<script" not in shown.status.value


def test_slis_offer_the_declared_one_first(recorded: Recorded) -> None:
    shown = panel(window(id="first"), diagnosis(), source=recorded.source())
    assert shown.sli.options[0] == "checkout/latency"


def test_choices_and_moments_come_from_the_recording() -> None:
    from pictures import signals

    choices = sli_choices(window(), signals())
    assert choices[0] == "checkout/latency"
    assert "orders/errors" in choices
    stamps = range_ends(window(), signals(step_s=1))
    assert len(stamps) <= 243
    assert {at(10), at(20)} <= set(stamps)


@pytest.mark.slow
def test_what_is_shown_stays_when_widgets_vanish(recorded: Recorded, monkeypatch) -> None:
    sent: list[dict] = []
    shell = InteractiveShell.instance()
    monkeypatch.setattr(shell.display_pub, "publish", lambda data, **_: sent.append(data))
    shown = panel(window(id="first"), diagnosis(), source=recorded.source())
    shown._ipython_display_()
    kept = [data for data in sent if "application/vnd.jupyter.widget-view+json" not in data]
    assert len(kept) == 3
    assert "payments caused it" in kept[0]["text/html"]
    assert "image/svg+xml" in kept[1]
    sent.clear()
    shown.incident.value = "second"
    assert "verdict on second" in json.dumps(sent)


def test_the_old_name_of_the_selection_still_answers(recorded: Recorded) -> None:
    opened = panel(window(id="first"), diagnosis(), source=recorded.source())
    with pytest.warns(DeprecationWarning, match=r"Panel\.selection"):
        assert opened.look == opened.selection
