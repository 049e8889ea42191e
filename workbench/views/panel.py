"""A panel of widgets: pick incident, SLI and range, and verdict and charts follow.

The widgets are only the controls. What they lead to is shown as ordinary output that is
updated in place, so a notebook that is reopened or exported still shows the last selection,
where widgets vanish.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import ipywidgets as widgets
from IPython.display import display

from workbench.cards import escape
from workbench.errors import WorkbenchError
from workbench.views.drawing.rendering import Card, problem
from workbench.views.selection import Selection, draw_selection, range_ends, recorded, sli_choices

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import DisplayHandle

    from workbench.diagnose import Diagnosis
    from workbench.features import Signals
    from workbench.views.drawing.rendering import Chart
    from workbench.views.selection import Source
    from workbench.window import IncidentWindow

__all__ = ["Panel", "panel"]

_WIDE = widgets.Layout(width="min(100%, 620px)")
_STYLE = {"description_width": "80px"}


def panel(
    window: IncidentWindow,
    diagnosis: Diagnosis | None = None,
    *,
    source: Source | None = None,
) -> Panel:
    """Open a panel on a window: pick another incident, SLI or range, and see what follows.

    Parameters
    ----------
    window
        Where to begin.
    diagnosis
        Its diagnosis, if there is one already.
    source
        Where incidents come from; the recorded ones if left out.
    """
    return Panel(window, diagnosis, source or recorded())


class Panel:
    """The controls and the last selection; see `panel`.

    Attributes
    ----------
    selection
        What is selected, as plain values.
    shown
        What is shown for it: cards and charts.
    """

    def __init__(self, window: IncidentWindow, diagnosis: Diagnosis | None, source: Source) -> None:
        self._source = source
        self._drawn: dict[Selection, tuple[Card | Chart, ...]] = {}
        self._windows: dict[str, tuple[IncidentWindow, Signals]] = {}
        self._slots: list[DisplayHandle] = []
        self._following = False
        self.status = widgets.HTML()
        self.chosen_range = widgets.HTML()  # the slider's own readout cuts two instants short
        self.incident = _dropdown("incident", _with_first(window.id, source.ids()))
        self.sli = _dropdown("SLI", [])
        self.range = widgets.SelectionRangeSlider(
            options=["–", "– "],
            description="range (UTC)",
            continuous_update=False,
            readout=False,
            layout=_WIDE,
            style=_STYLE,
        )
        self._keep(window)
        self._offer(window.id, str(diagnosis.sli) if diagnosis else None)
        self.selection = self._chosen()
        if diagnosis is not None:
            self._drawn[self.selection] = draw_selection(
                window, diagnosis, self._windows[window.id][1]
            )
        self.shown: tuple[Card | Chart, ...] = self._results()
        self._listen()

    @property
    def look(self) -> Selection:
        """Old name of `selection`; goes after one version."""
        warnings.warn("Panel.look is now Panel.selection", DeprecationWarning, stacklevel=2)
        return self.selection

    @property
    def controls(self) -> widgets.VBox:
        """The widgets, to place elsewhere."""
        range_ = widgets.HBox([self.range, self.chosen_range])
        return widgets.VBox([self.incident, self.sli, range_, self.status])

    def __repr__(self) -> str:
        """Write what is selected and the verdict."""
        return "\n".join(
            [f"Panel on {self.selection.incident}, {self.selection.sli}", repr(self.shown[0])]
        )

    def _ipython_display_(self) -> None:
        """Show the controls, then the results as ordinary output that is updated in place."""
        display(self.controls)
        self._slots = [display(_slot(self.shown, i), display_id=True) for i in range(3)]

    def _listen(self) -> None:
        self.incident.observe(self._incident_picked, names="value")
        self.sli.observe(self._picked, names="value")
        self.range.observe(self._picked, names="value")

    def _incident_picked(self, change: dict[str, object]) -> None:
        if self._following:
            return
        self._set_status(f"reading {change['new']} …")
        try:
            self._offer(str(change["new"]), None)
        except WorkbenchError as error:
            self._show((problem(error),))
            return
        self._picked(change)

    def _picked(self, change: dict[str, object]) -> None:
        if self._following:
            return
        self.selection = self._chosen()
        self._set_status(f"diagnosing {self.selection.incident}, {self.selection.sli} …")
        self._show(self._results())

    def _offer(self, incident: str, sli: str | None) -> None:
        """Let SLI and range follow the incident without diagnosing every step of it."""
        window, signals = self._window(incident)
        self._following = True
        try:
            self.sli.options = sli_choices(window, signals)
            if self.sli.options:
                self.sli.value = sli if sli in self.sli.options else self.sli.options[0]
            self.range.options = [(_clock(at), at) for at in range_ends(window, signals)]
            self.range.value = (window.when.start, window.when.end)
        finally:
            self._following = False

    def _chosen(self) -> Selection:
        start, end = self.range.value
        self.chosen_range.value = escape(f"{start:%Y-%m-%d %H:%M:%S} – {end:%H:%M:%S} UTC")
        return Selection(str(self.incident.value), str(self.sli.value), start, end)

    def _results(self) -> tuple[Card | Chart, ...]:
        selection = self.selection
        try:
            if selection not in self._drawn:
                self._drawn[selection] = self._diagnosed(selection)
            return self._drawn[selection]
        except WorkbenchError as error:
            return (problem(error),)

    def _diagnosed(self, selection: Selection) -> tuple[Card | Chart, ...]:
        window, signals = self._window(selection.incident)
        if (selection.start, selection.end) != (window.when.start, window.when.end):
            window = window.between(selection.start, selection.end)
        return draw_selection(
            window, self._source.compare(window, window.sli(selection.sli)), signals
        )

    def _window(self, incident: str) -> tuple[IncidentWindow, Signals]:
        if incident not in self._windows:
            self._keep(self._source.load(incident))
        return self._windows[incident]

    def _keep(self, window: IncidentWindow) -> None:
        from workbench.features import signals

        self._windows[window.id] = (window, signals(window))

    def _show(self, shown: tuple[Card | Chart, ...]) -> None:
        self.shown = shown
        for place, slot in enumerate(self._slots):
            slot.update(_slot(shown, place))
        self._set_status("")

    def _set_status(self, text: str) -> None:
        self.status.value = escape(text)


def _slot(shown: tuple[Card | Chart, ...], place: int) -> Card | Chart:
    return shown[place] if place < len(shown) else Card("", "")


def _dropdown(name: str, options: list[str]) -> widgets.Dropdown:
    return widgets.Dropdown(options=options, description=name, layout=_WIDE, style=_STYLE)


def _with_first(first: str, ids: list[str]) -> list[str]:
    return [first, *(i for i in ids if i != first)]


def _clock(at: pd.Timestamp) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
