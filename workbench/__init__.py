"""Incident investigation for SREs, driven from Jupyter.

Import it as ``wb``: every stage is a namespace of plain functions over one frozen
`IncidentWindow`, ``wb.<stage>.<verb>(window, ...)``. Stages load on first use, so that
importing stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from workbench.moved import install as _install_moved
from workbench.version import __version__

if TYPE_CHECKING:
    from workbench.collection import collect, connect, watch
    from workbench.slis import SLI, SLO
    from workbench.times import TimeRange
    from workbench.window import IncidentWindow

__all__ = [
    "SLI",
    "SLO",
    "IncidentWindow",
    "TimeRange",
    "__version__",
    "collect",
    "connect",
    "watch",
]

_OBJECTS = {
    "collect": "workbench.collection",
    "connect": "workbench.collection",
    "watch": "workbench.collection",
    "IncidentWindow": "workbench.window",
    "SLI": "workbench.slis",
    "SLO": "workbench.slis",
    "TimeRange": "workbench.times",
}
_STAGES = frozenset(
    {
        "causal",
        "correlate",
        "datasets",
        "diagnose",
        "evaluate",
        "features",
        "postmortem",
        "topology",
        "views",
    }
)

_install_moved()


def __getattr__(name: str) -> Any:  # noqa: ANN401 - objects, functions and stages
    if name in _OBJECTS:
        return getattr(import_module(_OBJECTS[name]), name)
    if name in _STAGES:
        return import_module(f"workbench.{name}")
    message = f"module 'workbench' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted({*__all__, *_STAGES})
