"""Labelled incidents: the recorded bundles, and importers of public layouts."""

from __future__ import annotations

from workbench.datasets.bundles import incidents, load, read_bundles, truth, verify
from workbench.datasets.labelled import LabelledSet, Truth
from workbench.datasets.nezha import read_nezha
from workbench.datasets.petshop import read_petshop

__all__ = [
    "LabelledSet",
    "Truth",
    "incidents",
    "load",
    "read_bundles",
    "read_nezha",
    "read_petshop",
    "truth",
    "verify",
]
