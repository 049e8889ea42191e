"""Systems: the unit that a diagnosis is fitted on and scored by, never an incident.

A number that was fitted on some incidents of a system says nothing of others of the same
one; so every score is of systems left out. There are public data sets, the recorded shop,
and the simulated worlds, and what is not on this machine is named with the reason.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench import datasets, simulate
from workbench.datasets import LabelledSet, Truth
from workbench.errors import BundleMissing

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.simulate import World

__all__ = ["PUBLIC_DATA", "System", "as_labelled", "systems"]

PUBLIC_DATA = "WORKBENCH_PUBLIC_DATA"
"""Environment variable that names the folder of the public data sets."""

_PUBLIC: dict[str, tuple[str, Callable[[str | Path], LabelledSet]]] = {
    "petshop": ("petshop-low", datasets.read_petshop),
    "nezha-online-boutique": ("nezha-online-boutique", datasets.read_nezha),
    "nezha-train-ticket": ("nezha-train-ticket", datasets.read_nezha),
    "root-cause-bench": ("root-cause-bench", datasets.read_root_cause_bench),
}


@dataclass(frozen=True, slots=True)
class System:
    """One system, or one family of systems, with its labelled incidents.

    Parameters
    ----------
    name
        What it is called.
    kind
        ``public``, ``recorded`` or ``simulated``.
    labelled
        Its incidents, or None where they are not here.
    missing
        Why they are not here; empty where they are.
    """

    name: str
    kind: str
    labelled: LabelledSet | None
    missing: str = ""

    def __repr__(self) -> str:
        """Say how many incidents there are, or why there are none."""
        number = f"{len(self.labelled)} incidents" if self.labelled else self.missing
        return f"System({self.name!r}, {self.kind}, {number})"


def systems(
    *, public: str | Path | None = None, recorded: str | Path | None = None
) -> tuple[System, ...]:
    """List every system, those that are not here with the reason.

    Parameters
    ----------
    public
        Folder of the public data sets; $WORKBENCH_PUBLIC_DATA if missing.
    recorded
        Folder of the shop's recorded incidents; ``datasets`` of this checkout if missing.

    Examples
    --------
    >>> [system.name for system in systems() if system.kind == "simulated"][:2]
    ['queueing', 'trees']
    """
    folder = public or os.environ.get(PUBLIC_DATA, "")
    shop = Path(recorded) if recorded else Path(__file__).parents[2] / "datasets"
    found = [
        _read(name, "public", read, Path(folder, where) if folder else None)
        for name, (where, read) in _PUBLIC.items()
    ]
    found.append(_read("recorded-shop", "recorded", datasets.read_bundles, shop))
    worlds = simulate.worlds().values()
    return (*found, *(System(w.name, "simulated", as_labelled(w)) for w in worlds))


def as_labelled(world: World) -> LabelledSet:
    """Put a simulated world's windows and labels where scoring looks for them."""
    return LabelledSet(
        layout=f"simulated {world.name}",
        groups=dict.fromkeys(world.ids, world.name),
        load=world.load,
        truth=partial(_truth, world),
    )


def _truth(world: World, incident: str) -> Truth:
    label = world.truth(incident)
    details = {"mechanism": label.mechanism, "change": label.change}
    return Truth(label.services, fault=label.kind, details=details)


def _read(
    name: str, kind: str, read: Callable[[str | Path], LabelledSet], path: Path | None
) -> System:
    if path is None:
        return System(name, kind, None, f"set {PUBLIC_DATA} to the folder of public data")
    try:
        labelled = read(path)
    except BundleMissing as error:
        return System(name, kind, None, str(error))
    if not len(labelled):
        return System(name, kind, None, f"no incident in {path.name}")
    return System(name, kind, labelled)
