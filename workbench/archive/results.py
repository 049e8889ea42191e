"""What the archive answers: rows, and which bundles could not be asked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pandas as pd

from workbench.cards import card, table_html
from workbench.errors import BadInput, WindowTooLarge
from workbench.moved import renamed

if TYPE_CHECKING:
    from workbench.times import TimeRange

__all__ = ["Gap", "QueryResult", "Resampled"]

if not TYPE_CHECKING:
    __getattr__ = renamed(__name__, {"Found": "QueryResult"})


_LONGEST = 80
_MOST_CELLS = 50_000_000


@dataclass(frozen=True, slots=True)
class Gap:
    """A bundle that could not be read, and why.

    Parameters
    ----------
    bundle
        Name of its folder.
    reason
        For a person.
    """

    bundle: str
    reason: str


def _shortened(value: object) -> object:
    return f"{value[:_LONGEST]}…" if isinstance(value, str) and len(value) > _LONGEST else value


def _told(gaps: tuple[Gap, ...]) -> list[str]:
    return [f"not read: {gap.bundle} – {gap.reason}" for gap in gaps]


def _gaps_html(gaps: tuple[Gap, ...]) -> str:
    frame = pd.DataFrame([(g.bundle, g.reason) for g in gaps], columns=["not read", "why"])
    return table_html(frame) if gaps else ""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class QueryResult:
    """Rows that an archive found.

    Parameters
    ----------
    what
        What was asked, for a person.
    bundles
        How many bundles were asked.
    frame
        The rows; read them through `to_frame`.
    unreadable
        Bundles that could not be read: what they hold is not among the rows.
    cut
        Whether there are more rows than were asked for.
    """

    what: str
    bundles: int
    frame: pd.DataFrame = field(repr=False)
    unreadable: tuple[Gap, ...] = ()
    cut: bool = False

    def to_frame(self) -> pd.DataFrame:
        """One line a row."""
        return self.frame.copy(deep=False)

    def __len__(self) -> int:
        return len(self.frame)

    def _facts(self) -> dict[str, str]:
        more = ", and more: raise limit or ask for less" if self.cut else ""
        facts = {"rows": f"{len(self):,}{more}", "bundles": f"{self.bundles:,} asked"}
        if self.unreadable:
            facts["not read"] = f"{len(self.unreadable):,} bundles"
        return facts

    def __repr__(self) -> str:
        """Facts, bundles that could not be read, then the rows."""
        facts = [f"{name:>8}: {value}" for name, value in self._facts().items()]
        short = self.frame.head(20).map(_shortened)
        rows = short.to_string(index=False) if len(self) else "nothing found"
        return "\n".join([self.what, *facts, *_told(self.unreadable), rows])

    def _repr_html_(self) -> str:
        """Show the same as a card."""
        body = _gaps_html(self.unreadable) + table_html(self.frame)
        return card(self.what, self._facts(), body=body)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Resampled:
    """Metrics a bin, made from samples that memory need not hold.

    Parameters
    ----------
    step
        Width of a bin.
    how
        Statistics of each bin.
    by
        What makes a series.
    frame
        Bins that have samples: columns of `by`, ``ts`` (start of the bin) and of `how`.
    when
        The range asked for, or None for all there is.
    unreadable
        Bundles that could not be read.
    """

    step: pd.Timedelta
    how: tuple[str, ...]
    by: tuple[str, ...]
    frame: pd.DataFrame = field(repr=False)
    when: TimeRange | None = None
    unreadable: tuple[Gap, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """One line a series and bin that has samples; a bin without any has no line."""
        return self.frame.copy(deep=False)

    def wide(self, how: str = "mean") -> pd.DataFrame:
        """One column a series on a regular grid; NaN where no sample was.

        Parameters
        ----------
        how
            One of the statistics asked for.

        Returns
        -------
        pandas.DataFrame
            Index: starts of all bins from the first to the last; shape (bins, series).

        Raises
        ------
        BadInput
            A statistic that was not asked for.
        WindowTooLarge
            The grid has more than 50 million cells: bundles far apart, or a small step.
        """
        if how not in self.how:
            raise BadInput(
                fact="Not a statistic of these bins",
                value=how,
                hint=f"There are {', '.join(self.how)}",
            )
        grid = self._grid()
        wide = self.frame.pivot_table(
            index="ts", columns=list(self.by), values=how, aggfunc="first", observed=True
        )
        if grid.size * wide.shape[1] > _MOST_CELLS:
            raise WindowTooLarge(
                fact="The grid has too many cells",
                value=(grid.size, wide.shape[1]),
                hint="Resample with when=, or fewer series",
            )
        return wide.reindex(grid)

    def gaps(self) -> pd.DataFrame:
        """Stretches of bins without a sample: columns of `by`, start, end.

        Within the range asked for; else within what each bundle has.
        """
        apart = "bundle" in self.by and self.when is None
        parts = self.frame.groupby("bundle", observed=True) if apart else [("", self.frame)]
        rows = [row for _, part in parts for row in replace(self, frame=part)._empty_bins()]
        return pd.DataFrame(rows, columns=[*self.by, "start", "end"])

    def _empty_bins(self) -> list[tuple[object, ...]]:
        if self.frame.empty:
            return []
        return [
            (*(name if isinstance(name, tuple) else (name,)), start, end + self.step)
            for name, column in self.wide(self.how[0]).items()
            for start, end in _stretches(column.isna())
        ]

    def _grid(self) -> pd.DatetimeIndex:
        if self.when is not None:
            first, last = self.when.start.floor(self.step), self.when.end - pd.Timedelta(1, "ns")
        elif len(self.frame):
            first, last = self.frame["ts"].min(), self.frame["ts"].max()
        else:
            return pd.DatetimeIndex([], tz="UTC", name="ts")
        return pd.date_range(first, last, freq=self.step, name="ts").as_unit("ns")

    def _facts(self) -> dict[str, str]:
        series = self.frame[list(self.by)].drop_duplicates() if len(self.frame) else []
        return {
            "bins": f"{len(self.frame):,} of {self.step.total_seconds():g} s",
            "series": f"{len(series):,} by {', '.join(self.by)}",
            "range": str(self.when or "all there is"),
        }

    def __repr__(self) -> str:
        """Facts, bundles that could not be read, then the first bins."""
        facts = [f"{name:>8}: {value}" for name, value in self._facts().items()]
        rows = self.frame.head(10).to_string(index=False) if len(self.frame) else "no samples"
        return "\n".join(["Resampled metrics", *facts, *_told(self.unreadable), rows])

    def _repr_html_(self) -> str:
        """Show the same as a card."""
        body = _gaps_html(self.unreadable) + table_html(self.frame, limit=10)
        return card("Resampled metrics", self._facts(), body=body)


def _stretches(where: pd.Series) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """First and last place of each stretch in which `where` holds."""
    run = (where != where.shift()).cumsum()[where]
    return [(part.index[0], part.index[-1]) for _, part in run.groupby(run)]
