"""One question to many bundles, and which of them an engine stumbles over."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from workbench.archive.bundles import check_file
from workbench.archive.results import Gap
from workbench.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ibis.expr.types import Table

    from workbench.archive.engines import Engine
    from workbench.archive.manifest import Bundle

    Question: TypeAlias = Callable[[Engine, list[tuple[str, Table]]], Table]

__all__ = ["answer", "at_fault", "shortened"]


def answer(
    engine: Engine,
    bundles: Sequence[Bundle],
    tables: Sequence[str],
    *,
    question: Question,
) -> pd.DataFrame:
    """Ask an engine one question of all these bundles' tables.

    Parameters
    ----------
    engine
        Where.
    bundles, tables
        Of what; tables that no bundle has are left out.
    question
        The engine and (name, rows) of each table to a query.
    """
    files = {t: [b.files[t] for b in bundles if t in b.files] for t in tables}
    read = [(table, engine.read(table, paths)) for table, paths in files.items() if paths]
    return engine.frame(question(engine, read)) if read else pd.DataFrame()


def at_fault(
    engine: Engine,
    bundles: Sequence[Bundle],
    tables: Sequence[str],
    *,
    question: Question,
) -> tuple[Gap, ...]:
    """Name the bundles whose digests do not hold, else those that cannot answer alone."""
    altered = [gap for bundle in bundles if (gap := _altered(bundle, tables))]
    if altered:
        return tuple(altered)
    found = []
    for bundle in bundles:
        try:
            answer(engine, [bundle], tables, question=question)
        except engine.errors as error:
            found.append(Gap(bundle.name, shortened(error)))
    return tuple(found)


def _altered(bundle: Bundle, tables: Sequence[str]) -> Gap | None:
    for table in set(tables) & set(bundle.files):
        name = bundle.files[table].name
        try:
            check_file(bundle.folder, name, bundle.digests[name])
        except BundleError as error:
            return Gap(bundle.name, str(error))
    return None


def shortened(error: Exception) -> str:
    """First line of what an engine says."""
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
