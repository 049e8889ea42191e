"""Exports that restate: each run of a month to date brings the days before again, revised.

Added up, ten runs are ten times the bill. Where a later file has every charge of a period that
an earlier one has, with other figures, it replaces them; where it has some of them, nobody can
know which figure holds, and that is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Restated", "unrestated"]

# Tags are left out: a later run may know more of them.
_CHARGE = [
    "period_start",
    "period_end",
    "currency",
    "resource_id",
    "charge_category",
    "charge_class",
    "provider_service",
    "telling",
    "nth_charge",
]


@dataclass(frozen=True, slots=True)
class Restated:
    """Charges that a later file replaces, and those of which it cannot be told."""

    replaced: int
    unclear: int


def unrestated(files: Sequence[pd.DataFrame]) -> tuple[pd.DataFrame, Restated]:
    """Join the charges of files, and leave out those that a later file restates.

    Parameters
    ----------
    files
        Charges of each, in the order of their names. The later one is that which knows the
        later period; of two that end alike, the one behind.
    """
    frame = pd.concat(list(files), ignore_index=True)
    file = np.repeat(np.arange(len(files)), [len(one) for one in files])
    ends = [
        one["period_end"].max() if len(one) else pd.Timestamp.min.tz_localize("UTC")
        for one in files
    ]
    rank = np.empty(len(files), dtype=np.int64)
    rank[np.argsort(np.array([end.value for end in ends]), kind="stable")] = np.arange(len(files))
    rows = frame.assign(rank=rank[file] if len(frame) else file)
    charge_in_file = rows.groupby(
        ["rank", *[name for name in _CHARGE if name in rows]], dropna=False, sort=False
    )
    rows["nth_charge"] = charge_in_file.cumcount()
    rows["latest"] = rows.groupby("period_start")["rank"].transform("max")
    newest = rows[rows["rank"] == rows["latest"]]
    figures = newest[[*_CHARGE, "effective_cost"]].rename(columns={"effective_cost": "revised"})
    older = rows[rows["rank"] < rows["latest"]].reset_index(names="row")
    joined = older.merge(figures, on=_CHARGE, how="left", indicator=True)
    joined["is_there"] = joined["_merge"] == "both"
    joined["is_revised"] = joined["is_there"] & ~np.isclose(
        joined["effective_cost"], joined["revised"], rtol=1e-12, atol=1e-12, equal_nan=True
    )
    by_period = joined.groupby(["rank", "period_start"])
    whole = by_period["is_there"].transform("all").to_numpy(dtype=bool)
    revised = by_period["is_revised"].transform("any").to_numpy(dtype=bool)
    gone = joined["row"].to_numpy()[whole & revised]
    unclear = int((joined["is_revised"].to_numpy(dtype=bool) & ~whole).sum())
    return frame.drop(index=gone).reset_index(drop=True), Restated(len(gone), unclear)
