"""Loki → logs, read forward page by page and counted by Loki itself.

Traps it keeps out of the way: a limit of 100 and the newest first by default, an end that is
excluded, and many lines that share one nanosecond at the edge of a page.

References
----------
Grafana Loki HTTP API, "Query logs within a range of time"; LogQL, "Log stream selector".
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, ClassVar

import pydantic

from workbench.connectors.contract import Estimate, Fetched, Query, complete_fetch
from workbench.connectors.reading.http_source import HttpSource
from workbench.connectors.reading.promql import any_of, text, with_matchers
from workbench.connectors.reading.rows import check_asked
from workbench.connectors.sources.loki.payload import (
    Line,
    count_of,
    lines_of,
    log_frame,
    warnings_of,
)
from workbench.connectors.transport.http import HttpSettings
from workbench.coverage import CoverageRow
from workbench.errors import SourceError, WindowTooLarge

if TYPE_CHECKING:
    from workbench.times import TimeRange

__all__ = ["Loki", "LokiSettings"]

_MOST_PAGES = 5_000


class LokiSettings(HttpSettings):
    """Settings of a Loki; a tenant is a header, ``X-Scope-OrgID``.

    Parameters
    ----------
    selector
        Which streams, in LogQL.
    contains
        Only lines that hold one of these texts; they are texts, not patterns.
    service_label
        Label that holds the service's name.
    page
        Lines of one request; Loki itself allows 5,000 unless told otherwise.
    most_rows
        Lines one fetch may bring; more are refused before they are read.
    """

    selector: str = pydantic.Field(default='{service_name=~".+"}', description="streams, in LogQL")
    contains: tuple[str, ...] = pydantic.Field(default=(), description="texts, one of which is in")
    service_label: str = pydantic.Field(default="service_name", description="label of the service")
    page: int = pydantic.Field(default=5_000, ge=2, description="lines of one request")
    most_rows: int = pydantic.Field(default=2_000_000, gt=0, description="lines of one fetch")


class Loki(HttpSource[LokiSettings]):
    """Log lines of a Loki."""

    kind: ClassVar[str] = "loki"
    tables: ClassVar[tuple[str, ...]] = ("logs",)

    async def read(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        """Fetch lines; see `workbench.connectors.contract.Connector.fetch`."""
        query = self._query(services)
        warned: list[str] = []
        counted = await self._count(query, when, warned)
        if counted > self.settings.most_rows:
            raise _too_large(counted, self.settings.most_rows)
        lines, problems, pages = await self._pages(query, when, warned)
        if len(lines) != counted:
            again = await self._count(query, when, warned)  # it may have grown since
            if len(lines) != again:
                problems.append(f"{len(lines):,} lines came where Loki counts {again:,}")
            elif again < counted:
                problems.append(
                    f"Loki counted {counted:,} lines before and {again:,} after reading"
                )
        problems += dict.fromkeys(warned)
        frame, notes = log_frame(lines, self.settings.service_label)
        digest = hashlib.sha256("\n".join(f"{o.ts} {o.body}" for o in lines).encode()).hexdigest()
        told = Query(self.source, query, (("pages", str(pages)),), when, len(lines), digest)
        found = complete_fetch(table, frame, self.source, queries=[told], reason="; ".join(notes))
        if not problems:
            return found
        row = CoverageRow(
            self.source, table, "*", "partial", len(frame), reason="; ".join([*problems, *notes])
        )
        return Fetched(table, found.frame, (row,), found.queries)

    async def estimate(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Estimate:
        """Have Loki count; see `workbench.connectors.contract.Connector.estimate`."""
        check_asked(table, self.tables, services)
        try:
            counted = await self._count(self._query(services), when, [])
            return Estimate(counted, "counted by Loki")
        except SourceError as error:
            return Estimate(None, str(error))

    def _query(self, services: tuple[str, ...]) -> str:
        selector = self.settings.selector
        if services:
            selector = with_matchers(selector, {self.settings.service_label: any_of(services)})
        terms = self.settings.contains
        # |= with several texts joined by "or" holds where one of them is in the line.
        return f"{selector} |= {' or '.join(map(text, terms))}" if terms else selector

    async def _count(self, query: str, when: TimeRange, warned: list[str]) -> int:
        """Count the lines of ``[start, end)``: ranges of LogQL are open on the left."""
        length = when.end.value - when.start.value
        params = {
            "query": f"sum(count_over_time({query} [{length}ns]))",
            "time": str(when.end.value - 1),
        }
        answer = await self.http.json("GET", "/loki/api/v1/query", params=params)
        warned += warnings_of(answer.payload)
        return count_of(answer.payload)

    async def _pages(
        self, query: str, when: TimeRange, warned: list[str]
    ) -> tuple[list[Line], list[str], int]:
        """Read forward; a page starts at the last nanosecond of the one before."""
        lines: list[Line] = []
        edge: Counter[Line] = Counter()  # what was taken already at that nanosecond
        start = when.start.value
        problems: list[str] = []
        for page in range(1, _MOST_PAGES + 1):
            params = {
                "query": query,
                "start": str(start),
                "end": str(when.end.value),
                "limit": str(self.settings.page),
                "direction": "forward",
            }
            answer = await self.http.json("GET", "/loki/api/v1/query_range", params=params)
            warned += warnings_of(answer.payload)
            found = sorted(lines_of(answer.payload), key=lambda one: one.ts)
            again = Counter(edge)
            for one in found:
                if again[one] > 0:
                    again[one] -= 1
                elif when.start.value <= one.ts < when.end.value:
                    lines.append(one)
            if len(found) < self.settings.page:
                return lines, problems, page
            last = found[-1].ts
            if last == start:  # a whole page of one nanosecond: its rest cannot be asked for
                problems.append(f"more than {self.settings.page:,} lines share {last} ns")
                start, edge = last + 1, Counter()
                continue
            start, edge = last, Counter(one for one in found if one.ts == last)
        problems.append(f"more than {_MOST_PAGES:,} pages; the rest was not asked for")
        return lines, problems, _MOST_PAGES


def _too_large(rows: int, most: int) -> WindowTooLarge:
    return WindowTooLarge(
        f"{rows:,} lines are {rows / most:.1f} times what one fetch may bring",
        value=most,
        hint="Ask for fewer services or a narrower selector, or raise most_rows",
    )
