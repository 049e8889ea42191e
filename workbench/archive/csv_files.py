"""Tables as CSV for a spreadsheet, which would run a cell that begins like a formula.

Such a cell gets an apostrophe in front, as OWASP ("CSV Injection") advises; one that begins with an
apostrophe gets one too, so that `read_csv` takes exactly one away from each. Where a spreadsheet
splits at semicolons or tabs, as in many countries, the quotes of a cell protect nothing: a part of
a cell that would begin one there is guarded the same way.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.errors import BundleMissing
from workbench.writing import write_text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_csv", "write_csv"]

# Spreadsheets trim what stands before the sign, and read full-width signs too.
_SIGNS = r"['\"\x00-\x20\u00a0\ufeff]*[=+\-@|%\t\r\n\uff1d\uff0b\uff0d\uff20]|'"
_RISKY = re.compile(_SIGNS)
_RISKY_PART = re.compile(rf"([;\t\r\n])(?={_SIGNS})")
_GUARDED_PART = re.compile(r"([;\t\r\n])'")


def write_csv(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a table as CSV (RFC 4180) that no spreadsheet runs.

    Parameters
    ----------
    frame
        Any table; the index is not written.
    path
        The file; whole or not at all.
    """
    safe = _texts(frame, _guarded)
    safe.columns = [_guarded(str(name)) for name in safe.columns]
    return write_text(Path(path), safe.to_csv(index=False, quoting=csv.QUOTE_ALL))


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read what `write_csv` wrote; each cell is text, as it was before it was guarded.

    Raises
    ------
    BundleMissing
        There is no such file.
    """
    try:
        read = pd.read_csv(path, dtype="str", keep_default_na=False, na_filter=False)
    except FileNotFoundError as error:
        raise BundleMissing(fact="No such file", value=str(path)) from error
    read.columns = [_bare(str(name)) for name in read.columns]
    return _texts(read, _bare)


def _texts(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Change every text; numbers and times stay what they are."""

    def changed(value: object) -> object:
        return change(value) if isinstance(value, str) else value

    kinds = pd.api.types
    return frame.apply(
        lambda column: (
            column
            if kinds.is_numeric_dtype(column.dtype) or kinds.is_datetime64_any_dtype(column.dtype)
            else column.astype("object").map(changed)
        )
    )


def _guarded(text: str) -> str:
    inside = _RISKY_PART.sub(r"\1'", text)
    return f"'{inside}" if _RISKY.match(text) else inside


def _bare(text: str) -> str:
    inside = text[1:] if text.startswith("'") else text
    return _GUARDED_PART.sub(r"\1", inside)
