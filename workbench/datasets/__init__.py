"""Labelled incidents: the recorded bundles, and importers of public layouts."""

from __future__ import annotations

from workbench.datasets.bundles import incidents, load, read_bundles, truth, verify
from workbench.datasets.labelled import LabelledSet, Truth, label_windows
from workbench.datasets.nezha import read_nezha
from workbench.datasets.petshop import read_petshop
from workbench.datasets.root_cause_bench import read_root_cause_bench
from workbench.datasets.small_cases import read_small_cases
from workbench.datasets.wide import from_wide

__all__ = [
    "LabelledSet",
    "Truth",
    "from_wide",
    "incidents",
    "label_windows",
    "load",
    "read_bundles",
    "read_nezha",
    "read_petshop",
    "read_root_cause_bench",
    "read_small_cases",
    "truth",
    "verify",
]
