"""One verb over all windows of an archive, each incident a task of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.cards import ResultCard, table_html
from workbench.errors import WorkbenchError
from workbench.evaluate.parallel import each
from workbench.window import IncidentWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from workbench.archive import Archive

__all__ = ["Across", "across"]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Across(ResultCard):
    """What a verb gave for each bundle of an archive.

    Parameters
    ----------
    results
        Bundle to what the verb returned.
    failures
        Bundle to why there is no result: it could not be read, or the verb refused it.
    """

    results: Mapping[str, Any] = field(repr=False)
    failures: Mapping[str, str]

    def to_frame(self) -> pd.DataFrame:
        """One line a bundle: its result in a line of text, or why there is none."""
        rows = [
            (name, str(result).splitlines()[0] if str(result) else "", "")
            for name, result in self.results.items()
        ]
        rows += [(name, "", reason) for name, reason in self.failures.items()]
        frame = pd.DataFrame(rows, columns=["bundle", "result", "failure"])
        return frame.sort_values("bundle", ignore_index=True)

    def __repr__(self) -> str:
        """Count, then name every bundle without a result."""
        lines = [f"{len(self.results):,} results, {len(self.failures):,} failures"]
        return "\n".join([*lines, *(f"  {name}: {why}" for name, why in self.failures.items())])

    def _headline(self) -> str:
        return "Across the archive"

    def _facts(self) -> dict[str, object]:
        return {"results": len(self.results), "failures": len(self.failures)}

    def _body(self) -> str:
        return table_html(self.to_frame())


def across(
    archive: Archive,
    verb: Callable[[IncidentWindow], Any],
    *,
    n_jobs: int = 1,
    cluster: object | None = None,
) -> Across:
    """Load each bundle of an archive and apply a verb to its window.

    Parameters
    ----------
    archive
        From `workbench.archive.open`.
    verb
        Takes a window, for example `workbench.diagnose.compare`; what it returns is kept. One
        that raises a `WorkbenchError` has failed for this bundle alone.
    n_jobs, cluster
        As for `workbench.evaluate.evaluate`.
    """
    tasks = [(bundle.folder, verb) for bundle in archive.bundles]
    told = each(_one, tasks, n_jobs=n_jobs, cluster=cluster)
    named = list(zip((bundle.name for bundle in archive.bundles), told, strict=True))
    failures = {gap.bundle: gap.reason for gap in archive.unreadable}
    return Across(
        {name: result for name, (result, why) in named if not why},
        failures | {name: why for name, (_, why) in named if why},
    )


def _one(folder: Path, verb: Callable[[IncidentWindow], Any]) -> tuple[Any, str]:
    try:
        return verb(IncidentWindow.load(folder)), ""
    except WorkbenchError as error:
        return None, str(error)
