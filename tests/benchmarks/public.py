"""Where the public incident data lies; benchmarks of it are skipped with a reason without."""

from __future__ import annotations

import os
from pathlib import Path

_FOLDERS = {"petshop": "petshop-low", "nezha": "nezha-online-boutique"}


def public_root() -> Path:
    """Folder that holds the public data sets, there or not."""
    told = os.environ.get("WORKBENCH_PUBLIC_DATA")
    return Path(told) if told else Path(__file__).resolve().parents[3] / "shared" / "data"


def public_data(layout: str) -> Path | None:
    """Folder of public incidents in a layout, or None.

    ``WORKBENCH_PUBLIC_DATA`` names the folder that holds them; else ``../shared/data`` beside
    the checkout is tried.
    """
    folder = public_root() / _FOLDERS[layout]
    return folder if folder.is_dir() else None
