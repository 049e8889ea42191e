"""OpenSearch and Elasticsearch → logs: a point in time, read to the total it counts.

Traps it keeps out of the way: pages beyond 10,000, ties of one timestamp at the edge of a page,
shards that failed and searches that timed out behind a status of 200, points in time left open.

References
----------
OpenSearch, "Paginate results", "Point in Time API"; Elasticsearch, "Open a point in time".
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import quote

import pydantic

from workbench.connectors.contract import Estimate, Fetched, Query, complete_fetch
from workbench.connectors.reading.http_source import HttpSource
from workbench.connectors.reading.rows import (
    check_asked,
    json_text,
    mapping_at,
    summarize_rejected,
    text_of,
)
from workbench.connectors.sources.opensearch.payload import (
    FieldNames,
    SearchHits,
    hit_rows,
    page_of,
)
from workbench.connectors.transport.http import HttpSettings
from workbench.coverage import CoverageRow
from workbench.errors import SourceError, SourceGarbled, WindowTooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from workbench.times import TimeRange

__all__ = ["OpenSearch", "OpenSearchSettings"]

_KEEP = "2m"
_MOST_PAGES = 20_000


class OpenSearchSettings(HttpSettings):
    """Settings of an OpenSearch or Elasticsearch.

    Parameters
    ----------
    dialect
        Who answers: their points in time differ.
    index
        Index, alias or pattern that holds the logs.
    fields
        What its fields are called; the first that a record has counts.
    contains
        Only records whose message holds one of these phrases; texts, not queries.
    query_string
        A query in Lucene's language besides, written by a person; never built from values.
    page
        Records of one request.
    most_rows
        Records one fetch may bring; more are refused before they are read.
    """

    dialect: Literal["opensearch", "elasticsearch"] = pydantic.Field(
        default="opensearch", description="who answers"
    )
    index: str = pydantic.Field(default="logs-*", min_length=1, description="that holds the logs")
    fields: FieldNames = pydantic.Field(default=FieldNames(), description="names of its fields")
    contains: tuple[str, ...] = pydantic.Field(default=(), description="phrases, one is in it")
    query_string: str = pydantic.Field(default="", description="in Lucene's language, by a person")
    page: int = pydantic.Field(default=1_000, ge=1, le=10_000, description="records of a request")
    most_rows: int = pydantic.Field(default=2_000_000, gt=0, description="records of one fetch")


class OpenSearch(HttpSource[OpenSearchSettings]):
    """Log records of an index."""

    kind: ClassVar[str] = "opensearch"
    tables: ClassVar[tuple[str, ...]] = ("logs",)

    def __repr__(self) -> str:
        """Name, address and index."""
        return f"OpenSearch({self.source!r}, {self.settings.url!r}, {self.settings.index!r})"

    async def read(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        """Fetch records; see `workbench.connectors.contract.Connector.fetch`."""
        query = self._query(when, services)
        counted = await self._count(query)
        if counted > self.settings.most_rows:
            raise _too_large(counted, self.settings.most_rows)
        found = await self._pages(query)
        if len(found.hits) != found.total:
            found.problems.append(f"{len(found.hits):,} came where it counts {found.total or 0:,}")
        elif len(found.hits) < counted:
            found.problems.append(f"it counted {counted:,} before and {len(found.hits):,} after")
        frame, refused = hit_rows(found.hits.values(), self.settings.fields)
        inside = when.mask(frame["ts"]) if len(frame) else slice(None)
        problems = [*dict.fromkeys(found.problems), *summarize_rejected(refused)]
        notes = [f"{found.again:,} duplicated record(s) dropped"] if found.again else []
        digest = hashlib.sha256(json_text(list(found.hits.values())).encode()).hexdigest()
        asked = Query(
            self.source,
            json_text(query),
            (("index", self.settings.index),),
            when,
            len(found.hits),
            digest,
        )
        why = "; ".join([*problems, *notes])
        done = complete_fetch(
            table, frame[inside].reset_index(drop=True), self.source, queries=[asked], reason=why
        )
        if not problems:
            return done
        row = CoverageRow(self.source, table, "*", "partial", len(done.frame), reason=why)
        return Fetched(table, done.frame, (row,), done.queries)

    async def estimate(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Estimate:
        """Have it count; see `workbench.connectors.contract.Connector.estimate`."""
        check_asked(table, self.tables, services)
        try:
            return Estimate(await self._count(self._query(when, services)), "counted by the index")
        except SourceError as error:
            return Estimate(None, str(error))

    def _query(self, when: TimeRange, services: tuple[str, ...]) -> dict[str, Any]:
        """Write a query; every value stands in JSON as a value, none in a query language."""
        fields = self.settings.fields
        ends = {"gte": when.start.isoformat(), "lt": when.end.isoformat()}
        wanted: list[dict[str, Any]] = [{"range": {fields.time: ends}}]
        if services:
            wanted.append(
                {"bool": {"should": [{"terms": {name: list(services)}} for name in fields.service]}}
            )
        if self.settings.contains:
            phrases = [
                {"match_phrase": {name: phrase}}
                for name in fields.message
                for phrase in self.settings.contains
            ]
            wanted.append({"bool": {"should": phrases}})
        if self.settings.query_string:
            wanted.append({"query_string": {"query": self.settings.query_string}})
        return {"bool": {"filter": wanted}}

    async def _count(self, query: dict[str, Any]) -> int:
        path = f"/{quote(self.settings.index, safe='*,')}/_count"
        answer = await self.http.json("POST", path, body={"query": query})
        counted = mapping_at(answer.payload).get("count")
        if not isinstance(counted, int) or isinstance(counted, bool):
            raise SourceGarbled(
                fact="A count that is not a number", value=str(answer.payload)[:100]
            )
        return counted

    async def _pages(self, query: dict[str, Any]) -> SearchHits:
        found, after = SearchHits(), None
        tie = "_shard_doc" if self.settings.dialect == "elasticsearch" else "_id"
        async with self._point_in_time() as place:
            for _ in range(_MOST_PAGES):
                body = {
                    "size": self.settings.page,
                    "query": query,
                    "track_total_hits": True,
                    "pit": {"id": place[0], "keep_alive": _KEEP},
                    "sort": [{self.settings.fields.time: "asc"}, {tie: "asc"}],
                    **({"search_after": after} if after else {}),
                }
                payload = (await self.http.json("POST", "/_search", body=body)).payload
                place[0] = text_of(mapping_at(payload).get("pit_id")) or place[0]
                hits = page_of(payload, found)
                if len(hits) < self.settings.page:
                    return found
                after = hits[-1].get("sort")
                if not isinstance(after, list) or not after:
                    raise SourceGarbled(fact="A page that does not say where it ended")
        found.problems.append(f"more than {_MOST_PAGES:,} pages; the rest was not asked for")
        return found

    @contextlib.asynccontextmanager
    async def _point_in_time(self) -> AsyncIterator[list[str]]:
        """Open a point in time, and give it back whatever happens: they are few."""
        elastic = self.settings.dialect == "elasticsearch"
        index = quote(self.settings.index, safe="*,")
        path = f"/{index}/_pit" if elastic else f"/{index}/_search/point_in_time"
        answer = await self.http.json("POST", path, params={"keep_alive": _KEEP})
        name = text_of(mapping_at(answer.payload).get("id" if elastic else "pit_id"))
        if not name:
            raise SourceGarbled(fact="No point in time", value=str(answer.payload)[:100])
        place = [name]
        try:
            yield place
        finally:
            body = {"id": place[0]} if elastic else {"pit_id": [place[0]]}
            closing = self.http.json(
                "DELETE", "/_pit" if elastic else "/_search/point_in_time", body=body
            )
            with contextlib.suppress(SourceError):  # it ends by itself after keep_alive
                await asyncio.shield(closing)


def _too_large(rows: int, most: int) -> WindowTooLarge:
    return WindowTooLarge(
        f"{rows:,} records are {rows / most:.1f} times what one fetch may bring",
        value=most,
        hint="Ask for fewer services or a narrower query, or raise most_rows",
    )
