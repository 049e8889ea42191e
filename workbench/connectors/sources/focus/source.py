"""Billing files in the FOCUS format, CSV or Parquet → costs.

`effective_cost` is FOCUS's EffectiveCost: what was used, with commitments spread over their
use; BilledCost has spikes where a commitment was bought. Currencies are never added up.

References
----------
FinOps Open Cost and Usage Specification 1.0, 1.1 and 1.2.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
import pydantic

from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings, RawFile
from workbench.connectors.reading.rows import Parsed
from workbench.connectors.sources.focus.payload import focus_rows
from workbench.connectors.sources.focus.restated import unrestated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.connectors.contract import Fetched
    from workbench.coverage import CoverageRow
    from workbench.times import TimeRange

__all__ = ["Focus", "FocusSettings"]

_HOUR_S = 3_600  # seconds: the longest period that is told as an hour
_DAY_S = 86_000  # seconds: the shortest that is told as a day; inclusive ends lack a little
_LAST_SECOND = 59  # an end at hh:59:59 was counted in


class FocusSettings(FilesSettings):
    """Where the billing files are, and how services are told.

    Parameters
    ----------
    service_tags
        Tags that name a service of yours, the first present one counts; a provider's prefix
        before the key (``user:service``) is looked past. Without any, the provider's own
        ServiceName stands.
    late_hours
        How long after a period ends its charges may still arrive: rows of that stretch, before
        the newest period known, are told as incomplete. 0 where an export is known to be final.
    """

    service_tags: tuple[str, ...] = pydantic.Field(
        default=("service.name", "service", "app.kubernetes.io/name", "app"),
        description="tags that name a service, the first present counts",
    )
    late_hours: float = pydantic.Field(
        default=72.0, ge=0, description="hours in which charges still arrive"
    )


class Focus(FileSource):
    """Charges by resource and period."""

    kind: ClassVar[str] = "focus"
    tables: ClassVar[tuple[str, ...]] = ("costs",)
    told_apart: ClassVar[bool] = True  # equal charges of one file are different charges
    settings: FocusSettings

    def __init__(self, source: str, settings: FocusSettings) -> None:
        super().__init__(source, settings)

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the charges of one file."""
        return focus_rows(file.data, self.settings.service_tags)

    def join(self, table: str, parts: Sequence[Parsed], when: TimeRange) -> Sequence[Parsed]:
        """Drop charges of an export that was matched twice, or that a later one restates."""
        numbered = [_numbered(part.frame) for part in parts]
        frame, restated = unrestated(numbered)
        again = frame.duplicated()
        kept = frame[~again].drop(columns=["nth", "telling"]).reset_index(drop=True)
        inside = kept[when.mask(kept["period_start"])]
        notes = [f"{int(again.sum()):,} charge(s) in two files, dropped"] if again.any() else []
        if restated.replaced:
            notes.append(f"{restated.replaced:,} charge(s) restated by a later file: replaced")
        notes += [note for part in parts for note in part.notes]
        notes += _odd(inside) + _reaching_in(kept, when)
        told = [trouble for part in parts for trouble in part.problems]
        if restated.unclear:
            told.append(
                f"{restated.unclear:,} charge(s) stand in two files with other figures, and "
                "neither file restates the other whole: both are counted"
            )
        return [Parsed(kept, tuple(told), tuple(dict.fromkeys(notes)))]

    def settle(
        self, table: str, when: TimeRange, *, parts: Sequence[Parsed], services: tuple[str, ...]
    ) -> Fetched:
        """Join the parts, and mark the stretch whose charges may still arrive."""
        fetched = super().settle(table, when, parts=parts, services=services)
        ends = [part.frame["period_end"].max() for part in parts if len(part.frame)]
        if not ends:
            return fetched
        verdict = self._late(fetched.coverage[-1], max(ends), when)
        return dataclasses.replace(fetched, coverage=(*fetched.coverage[:-1], verdict))

    def _late(self, row: CoverageRow, newest: pd.Timestamp, when: TimeRange) -> CoverageRow:
        """Say from when on the costs are not final: a late day looks like a cheap one."""
        settled = newest - pd.Timedelta(hours=self.settings.late_hours)
        if settled >= when.end:
            return row
        since = max(settled, when.start)
        why = f"charges from {_day(since)} on may still be arriving (newest period {_day(newest)})"
        gaps = ((since.isoformat(), when.end.isoformat()),)
        return dataclasses.replace(
            row,
            status="stale" if newest <= when.start else "partial",
            gaps=gaps,
            reason=f"{why}; {row.reason}" if row.reason else why,
        )


def _numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """Count equal charges within one file, so that only a second file's are duplicates."""
    return frame.assign(nth=frame.groupby(list(frame.columns), dropna=False).cumcount())


def _odd(charges: pd.DataFrame) -> list[str]:
    """Say what a sum over these charges would hide."""
    currencies = sorted(charges["currency"].unique())
    corrected = charges["charge_class"] == "Correction"
    negative = int((charges["effective_cost"] < 0).sum())
    lengths = (charges["period_end"] - charges["period_start"]).dt.total_seconds()
    hourly, daily = int((lengths <= _HOUR_S).sum()), int((lengths >= _DAY_S).sum())
    inclusive = int((charges["period_end"].dt.second == _LAST_SECOND).sum())
    notes = [
        f"{len(currencies)} currencies, not to be added up: {', '.join(currencies)}"
        if len(currencies) > 1
        else "",
        f"{int(corrected.sum()):,} corrections of earlier charges" if corrected.any() else "",
        f"{negative:,} negative charges (credits, refunds)" if negative else "",
        f"periods of {hourly:,} hours and {daily:,} days mixed" if hourly and daily else "",
        f"{inclusive:,} period ends look inclusive; FOCUS's are not" if inclusive else "",
    ]
    return [note for note in notes if note]


def _reaching_in(charges: pd.DataFrame, when: TimeRange) -> list[str]:
    before = (charges["period_start"] < when.start) & (charges["period_end"] > when.start)
    hint = "ask for whole days"
    return [f"{int(before.sum()):,} charge(s) began before the range: {hint}"] * bool(before.any())


def _day(instant: pd.Timestamp) -> str:
    return f"{instant:%Y-%m-%dT%H:%MZ}"
