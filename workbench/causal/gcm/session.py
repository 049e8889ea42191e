"""DoWhy under guard: seeded, silent, one job, on clean columns, within a time.

DoWhy draws from numpy's global generator: the seed is set around each call and the state
put back, also where the call is interrupted. Its jobs and progress bars are global
settings: one and off. Missing values break its fits and text columns its estimators: they
are refused or encoded before. A call into it cannot be stopped midway, so long work goes in
small batches with a look at the clock between: what is done by the deadline is the answer,
and it says that it is partial.
"""

from __future__ import annotations

import logging
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Deadline", "encoded", "load_gcm", "quietly", "seeded"]


@dataclass(slots=True)
class Deadline:
    """A time by which batched work stops, and how much of it was done.

    Parameters
    ----------
    seconds
        From now; the batch that is running then is still finished. Loading DoWhy (a few
        seconds, once a process) comes before.
    of
        What is counted, in the plural.
    """

    seconds: float
    of: str = "rounds"
    done: int = 0
    asked: int = 0
    _ends: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        self._ends = time.monotonic() + self.seconds

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._ends

    def batches(self, total: int, size: int) -> Iterator[int]:
        """Yield sizes of batches until all is done or the time is up; the first in any case.

        Parameters
        ----------
        total
            How many are asked for.
        size
            How many at a time.
        """
        self.asked += total
        left = total
        while left > 0 and (left == total or not self.over):
            batch = min(size, left)
            yield batch
            left -= batch
            self.done += batch

    @property
    def note(self) -> str:
        """``"stopped at 8 s: partial, 40 of 60 rounds"``, or nothing where all was done."""
        if self.done >= self.asked:
            return ""
        return f"stopped at {self.seconds:g} s: partial, {self.done} of {self.asked} {self.of}"


@contextmanager
def seeded(*, seed: int) -> Iterator[None]:
    """Seed numpy's global generator and put its state back afterwards."""
    state = np.random.get_state()  # noqa: NPY002 - DoWhy draws from the global generator
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


@contextmanager
def quietly() -> Iterator[None]:
    """Silence DoWhy's log and warnings, which speak of its own insides."""
    log = logging.getLogger("dowhy")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def load_gcm() -> Any:  # noqa: ANN401 - a module
    """Load DoWhy's GCM with one job and no progress bars (both are global settings of it)."""
    with quietly():  # compiling it warns of its strings
        from dowhy import gcm

    gcm.config.disable_progress_bars()
    gcm.config.set_default_n_jobs(1)
    return gcm


def encoded(data: pd.DataFrame) -> pd.DataFrame:
    """Turn every column into finite numbers, as DoWhy needs them.

    Parameters
    ----------
    data
        Booleans become 0 and 1, text and categories become codes in sorted order.

    Raises
    ------
    BadInput
        A column with missing or infinite values: fill it, or drop the rows.
    """
    columns = {}
    for name in data.columns:
        column = data[name]
        if column.isna().any():
            raise _unfit(name, f"{int(column.isna().sum())} of {len(column)} values are missing")
        if not pd.api.types.is_numeric_dtype(column):
            column = pd.Series(pd.factorize(column.astype(str), sort=True)[0], data.index)
        columns[name] = column.astype(float)
        if not np.isfinite(columns[name]).all():
            raise _unfit(name, "infinite values")
    return pd.DataFrame(columns, index=data.index)


def _unfit(name: object, what: str) -> BadInput:
    hint = "Fill it or drop the rows: DoWhy fits complete, finite columns only"
    return BadInput(f"Column {name!r} can't be given to DoWhy", value=what, hint=hint)
