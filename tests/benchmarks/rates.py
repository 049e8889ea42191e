"""Rates as every table shows them: with n and a 95 % Wilson interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.evaluate import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable


def rate(hits: Iterable[bool | float]) -> str:
    """Share of hits, or of chances under random ties, as ``.950 (.877–.980) n=80``."""
    values = np.array(list(hits), dtype=float)
    if not values.size:
        return "– n=0"
    low, high = wilson(float(values.sum()), values.size)
    share, least, most = (_short(value) for value in (values.mean(), low, high))
    return f"{share} ({least}–{most}) n={values.size}"


def share(hits: int, n: int) -> str:
    """As `rate`, from counts."""
    return rate([1.0] * hits + [0.0] * (n - hits))


def _short(share: float) -> str:
    text = f"{share:.3f}"
    return text.removeprefix("0") if share < 1 else text
