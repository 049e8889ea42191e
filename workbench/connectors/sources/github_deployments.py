"""GitHub deployments and their statuses → changes.

The list has no range: it is read from the newest on until a whole page is older than asked
for. When a deployment really began and ended is in its statuses.

References
----------
GitHub REST API: deployments, deployment statuses, "Using pagination" (``Link`` headers).
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pydantic

from workbench.connectors.reading.record_source import RecordSource, problems_of
from workbench.connectors.reading.rows import (
    Parsed,
    RowReader,
    mapping_at,
    parse_timestamp,
    text_of,
)
from workbench.connectors.transport.http import HttpSettings
from workbench.connectors.transport.paging import (
    Page,
    Paginated,
    listed_by_offset,
    page_of,
    provenance,
)
from workbench.errors import SourceError, SourceGarbled, WorkbenchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workbench.connectors.contract import Query
    from workbench.times import TimeRange

__all__ = ["GitHubDeployments", "GitHubDeploymentsSettings", "deployment_rows", "next_page"]

_HEADERS = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
_NEXT = re.compile(r'<([^<>]*)>\s*;[^,<]*\brel="?next"?')
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
_DIGITS = re.compile(r"\d{1,20}")
_DONE = {"success", "failure", "error", "inactive"}
_AT_ONCE = 4
_SIZE = 100


class GitHubDeploymentsSettings(HttpSettings):
    """Which repositories' deployments are read; ``auth`` is ``kind: bearer``.

    Parameters
    ----------
    repositories
        ``owner/name`` of each.
    services
        Service by repository; the repository's own name without one.
    environments
        Only deployments to these; all where empty.
    lookback_hours
        How long before the range a deployment that began in it may have been created.
    """

    url: str = pydantic.Field(default="https://api.github.com", description="where it answers")
    repositories: tuple[str, ...] = pydantic.Field(min_length=1, description="owner/name of each")
    services: dict[str, str] = pydantic.Field(
        default_factory=dict, description="service by repository"
    )
    environments: tuple[str, ...] = pydantic.Field(default=(), description="all if empty")
    lookback_hours: float = pydantic.Field(
        default=24.0, ge=0, description="how long a deployment may wait before it begins"
    )

    @pydantic.field_validator("repositories")
    @classmethod
    def _named(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [
            n for n in names if not _REPOSITORY.fullmatch(n) or set(n.split("/")) & {".", ".."}
        ]
        if wrong:
            message = f"not owner/name: {', '.join(wrong)}"
            raise ValueError(message)
        return names


class GitHubDeployments(RecordSource[GitHubDeploymentsSettings]):
    """Deployments of repositories."""

    kind: ClassVar[str] = "github_deployments"
    tables: ClassVar[tuple[str, ...]] = ("changes",)

    async def rows(self, table: str, when: TimeRange) -> tuple[Parsed, list[Query]]:
        """Read the repositories one after the other; one that fails hides no other."""
        gathering = RowReader(table)
        problems: list[str] = []
        notes: list[str] = []
        queries: list[Query] = []
        errors: list[SourceError] = []
        for repository in self.settings.repositories:
            try:
                listed = await self._deployments(repository, when)
                problems += [f"{repository}: {why}" for why in problems_of(listed)]
            except SourceError as error:
                errors.append(error)
                problems.append(f"{repository}: {error}")
                continue
            notes += listed.notes
            problems += await self._read(repository, listed, gathering)
            queries.append(
                provenance(self.source, f"/repos/{repository}/deployments", when, listed=listed)
            )
        if len(errors) == len(self.settings.repositories):
            raise errors[0]
        parsed = gathering.parsed()
        return Parsed(parsed.frame, (*problems, *parsed.problems), tuple(notes)), queries

    async def _deployments(self, repository: str, when: TimeRange) -> Paginated:
        since = when.start - pd.Timedelta(hours=self.settings.lookback_hours)
        ask = _Pages(self, f"/repos/{repository}/deployments", since)
        listed = await listed_by_offset(ask, size=_SIZE, cap=10**9)
        environments = self.settings.environments
        listed.records = {
            key: one
            for key, one in listed.records.items()
            if _created_before(one, when.end)
            and (not environments or text_of(one.get("environment")) in environments)
        }
        return listed

    async def _read(self, repository: str, listed: Paginated, gathering: RowReader) -> list[str]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def statuses(key: str) -> Paginated:
            if not _DIGITS.fullmatch(key):
                return Paginated(
                    error=SourceGarbled("A deployment whose id is no number", value=key)
                )
            async with gate:
                path = f"/repos/{repository}/deployments/{key}/statuses"
                return await listed_by_offset(_Pages(self, path, None), size=_SIZE, cap=10**9)

        found = await asyncio.gather(*(statuses(key) for key in listed.records))
        service = self.settings.services.get(repository, repository.partition("/")[2])
        problems: list[str] = []
        for (key, deployment), told in zip(listed.records.items(), found, strict=True):
            place = f"{repository} deployment {key}"
            problems += [f"{place}: {why}" for why in (told.error, *told.problems) if why]
            pair = (deployment, list(told.records.values()))
            gathering.each([(place, pair)], lambda one: deployment_rows(*one, service=service))
        return problems


class _Pages:
    """Asks for a list page by page as ``Link`` headers lead; never to another host."""

    def __init__(self, source: GitHubDeployments, path: str, since: pd.Timestamp | None) -> None:
        self._source, self._path, self._since = source, path, since
        self._params = {"per_page": str(_SIZE)}

    async def __call__(self, offset: int) -> Page:
        answer = await self._source.http.json(
            "GET", self._path, params=self._params, headers=_HEADERS
        )
        following = next_page(answer.headers)
        page = page_of({"list": answer.payload}, "list", more=following is not None)
        if following is None:
            return page
        self._params = following
        return Page(page.records, more=not self._is_past(page))

    def _is_past(self, page: Page) -> bool:
        """Whether a whole page is older than asked for, as the list is newest first."""
        since = self._since
        return since is not None and all(_created_before(one, since) for one in page.records)


def next_page(headers: Mapping[str, str]) -> dict[str, str] | None:
    """Read the query of the link to the next page, or None where there is none."""
    match = _NEXT.search(headers.get("link", ""))
    return dict(parse_qsl(urlsplit(match[1]).query)) if match else None


def deployment_rows(
    deployment: Mapping[str, Any], statuses: Sequence[Mapping[str, Any]], *, service: str
) -> Iterator[dict[str, object]]:
    """Yield the row of one deployment: from when it was in progress to when it was done."""
    created = parse_timestamp(deployment.get("created_at"))
    if created is None:
        raise SourceGarbled(fact="A deployment without created_at", value=deployment.get("id"))
    said = [(text_of(one.get("state")), parse_timestamp(one.get("created_at"))) for one in statuses]
    told = sorted(((at, state) for state, at in said if at is not None), key=lambda one: one[0])
    begun = [at for at, state in told if state == "in_progress"]
    done = [(at, state) for at, state in told if state in _DONE]
    payload = mapping_at(deployment, "payload")
    texts = [text_of(deployment.get(name)).lower() for name in ("task", "description")]
    yield {
        "ts": begun[0] if begun else created,
        "end_ts": done[0][0] if done else None,
        "kind": "rollback" if any("rollback" in text for text in texts) else "deploy",
        "service": text_of(payload.get("service")) or service,
        "ref": text_of(deployment.get("id")),
        "version": text_of(deployment.get("sha") or deployment.get("ref")),
        "actor": text_of(mapping_at(deployment, "creator").get("login")),
        "url": text_of(deployment.get("url")),
        "environment": text_of(deployment.get("environment")),
        "outcome": done[0][1] if done else (told[-1][1] if told else "pending"),
    }


def _created_before(record: Mapping[str, Any], instant: pd.Timestamp) -> bool:
    try:
        created = parse_timestamp(record.get("created_at"))
    except WorkbenchError:
        return False
    return created is not None and created < instant
