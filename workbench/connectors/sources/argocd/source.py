"""Argo CD → changes: from its API, or from what was dumped of it to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pydantic

from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings, RawFile
from workbench.connectors.reading.record_source import RecordSource
from workbench.connectors.reading.rows import Parsed, RowReader, json_records, mapping_at, text_of
from workbench.connectors.sources.argocd.payload import application_rows, applications_of, forgotten
from workbench.connectors.transport.http import HttpSettings
from workbench.connectors.transport.paging import Paginated, provenance
from workbench.errors import SourceGarbled, WorkbenchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.connectors.contract import Query
    from workbench.times import TimeRange

__all__ = ["ArgoCD", "ArgoCDFiles", "ArgoCDFilesSettings", "ArgoCDSettings"]

_HISTORY_LIMIT = 10  # deployments an application keeps (Argo CD, revisionHistoryLimit)
_LABEL = "app.kubernetes.io/name"


class ArgoCDSettings(HttpSettings):
    """Where Argo CD answers; ``auth`` is ``kind: bearer`` with a token of an account.

    Parameters
    ----------
    projects
        Only applications of these projects; all where empty.
    service_label
        Label of an application that names its service; its own name without one.
    """

    projects: tuple[str, ...] = pydantic.Field(default=(), description="projects, all if empty")
    service_label: str = pydantic.Field(default=_LABEL, description="label that names the service")


class ArgoCDFilesSettings(FilesSettings):
    """Where the dumps are: of the API, or of ``kubectl get applications -o json``."""

    service_label: str = pydantic.Field(default=_LABEL, description="label that names the service")


class ArgoCD(RecordSource[ArgoCDSettings]):
    """Deployments of applications, from the API."""

    kind: ClassVar[str] = "argocd"
    tables: ClassVar[tuple[str, ...]] = ("changes",)

    async def rows(self, table: str, when: TimeRange) -> tuple[Parsed, list[Query]]:
        """List the applications and read their history; the API has no pages."""
        params = [("projects", project) for project in self.settings.projects]
        answer = await self.http.json("GET", "/api/v1/applications", params=params)
        if "items" not in mapping_at(answer.payload):
            raise SourceGarbled(fact="An answer without its items", value=answer.payload)
        found = list(applications_of("answer", answer.payload))
        parsed = _parsed(found, self.settings.service_label, when)
        named = {str(n): one for n, (_, one) in enumerate(found) if isinstance(one, dict)}
        listed = Paginated(records=named, requests=1)
        return parsed, [provenance(self.source, "/api/v1/applications", when, listed=listed)]


class ArgoCDFiles(FileSource):
    """Deployments of applications, from files."""

    kind: ClassVar[str] = "argocd_files"
    tables: ClassVar[tuple[str, ...]] = ("changes",)
    settings: ArgoCDFilesSettings

    def __init__(self, source: str, settings: ArgoCDFilesSettings) -> None:
        super().__init__(source, settings)

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the applications of one file."""
        found = [
            one
            for place, record in json_records(file.data)
            for one in applications_of(place, record)
        ]
        return _parsed(found, self.settings.service_label, None)

    def join(self, table: str, parts: Sequence[Parsed], when: TimeRange) -> Sequence[Parsed]:
        """Say where a full history begins only inside the range."""
        return [_forgetful(part, when) for part in parts]


def _parsed(found: Iterable[tuple[str, Any]], label: str, when: TimeRange | None) -> Parsed:
    lost: list[str] = []

    def read(application: Any) -> Iterable[dict[str, object]]:  # noqa: ANN401 - any JSON
        yield from application_rows(application, label)

    known = list(found)
    parsed = RowReader("changes").each(known, read).parsed()
    if when is None:
        return parsed
    lost = [
        said
        for _, one in known
        if not isinstance(one, WorkbenchError) and (said := forgotten(one, when))
    ]
    return Parsed(parsed.frame, (*parsed.problems, *lost), parsed.notes)


def _forgetful(part: Parsed, when: TimeRange) -> Parsed:
    """Apply Argo CD's default of ten deployments kept to what a file holds."""
    frame = part.frame
    counted = frame.assign(app=[text_of(ref).partition("#")[0] for ref in frame["ref"]])
    lost = [
        f"{app}: its {len(rows)} deployments begin in the range; earlier ones may be forgotten"
        for app, rows in counted[frame["ref"].astype("str").str.contains("#")].groupby("app")
        if len(rows) >= _HISTORY_LIMIT and rows["ts"].min() > when.start
    ]
    return Parsed(frame, (*part.problems, *lost), part.notes)
