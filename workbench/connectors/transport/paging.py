"""Lists that come in pages, read to their proven end.

Offsets are capped by most services (PagerDuty: offset + limit ≤ 10,000), so a list too long is
asked for again in halves of its time range, down to a second. What a list says of itself (more
to come, a total) is checked against what came; where they disagree the list is incomplete.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from workbench.connectors.contract import Query
from workbench.connectors.reading.rows import json_text, mapping_at, text_of
from workbench.errors import SourceError, SourceGarbled, SourceRefused
from workbench.moved import renamed
from workbench.times import TimeRange

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

__all__ = [
    "FetchPage",
    "Page",
    "Paginated",
    "listed_by_offset",
    "listed_by_time",
    "page_of",
    "provenance",
]

if not TYPE_CHECKING:
    __getattr__ = renamed(__name__, {"AsksPage": "FetchPage", "Listed": "Paginated"})

_MOST_PAGES = 2_000
_SHORTEST = pd.Timedelta("1s")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Parameters
    ----------
    records
        Its records, objects all.
    more
        Whether the source says that there are more.
    total
        How many there are in all, where the source says so.
    """

    records: list[dict[str, Any]]
    more: bool
    total: int | None = None


@dataclass(slots=True)
class Paginated:
    """What a list gave.

    Parameters
    ----------
    records
        By their id, in the order they came.
    problems
        Why the list is not complete, empty where it is.
    notes
        What is odd and costs no record.
    error
        What ended the reading early, if something did.
    capped
        Whether the list is longer than its offsets reach.
    requests
        Pages asked for.
    """

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: SourceError | None = None
    capped: bool = False
    requests: int = 0

    def add(self, other: Paginated) -> None:
        """Take over what another part of the same list gave."""
        self.records.update(other.records)
        self.problems += other.problems
        self.notes += [note for note in other.notes if note not in self.notes]
        self.error = self.error or other.error
        self.requests += other.requests


class FetchPage(Protocol):
    """Asks for one page from an offset on."""

    def __call__(self, offset: int) -> Awaitable[Page]:
        """Ask."""
        ...


def page_of(payload: object, key: str, *, more: bool | None = None) -> Page:
    """Read a page as PagerDuty writes it: records under `key`, ``more`` and ``total``.

    Parameters
    ----------
    payload, key
        The answer, and where its records are.
    more
        Whether there are more, where the answer does not say it itself.

    Raises
    ------
    SourceGarbled
        No list of objects under `key`, or no word on whether there are more.
    """
    answer = mapping_at(payload)
    found = answer.get(key)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise SourceGarbled(fact=f"An answer without its {key}", value=sorted(map(str, answer)))
    said = answer.get("more") if more is None else more
    if not isinstance(said, bool):
        raise SourceGarbled(fact="A page that does not say whether there are more", value=said)
    total = answer.get("total")
    is_count = isinstance(total, int) and not isinstance(total, bool)
    return Page(found, said, total if is_count else None)


async def listed_by_offset(
    ask: FetchPage, *, size: int, cap: int, identity: str = "id"
) -> Paginated:
    """Read pages until the source says that there are no more.

    Parameters
    ----------
    ask
        Asks for the page from an offset on.
    size
        Records a page is asked for; the next offset follows what really came.
    cap
        Largest offset + size the source answers.
    identity
        Field that tells records apart.

    Returns
    -------
    Paginated
        Never raises for what the source did: errors and disagreements are its problems.
    """
    listed = Paginated()
    offset = 0
    totals: set[int] = set()
    for _ in range(_MOST_PAGES):
        if offset + size > cap:
            listed.capped = True
            return listed
        try:
            page = await ask(offset)
        except SourceError as error:
            listed.capped = _is_cap(error)
            listed.error = None if listed.capped else error
            return listed
        listed.requests += 1
        _take(listed, page, identity)
        if page.total is not None:
            totals.add(page.total)
        # What came twice in one page takes no place in the list: by its length one would skip.
        offset += len({text_of(record.get(identity)) for record in page.records})
        if not page.more:
            _check(listed, totals)
            return listed
        if not page.records:
            listed.problems.append("the source says there is more and sends nothing")
            return listed
    listed.problems.append(f"more than {_MOST_PAGES:,} pages; the rest was not asked for")
    return listed


async def listed_by_time(
    asker: Callable[[TimeRange], FetchPage],
    when: TimeRange,
    *,
    size: int,
    cap: int,
    longest: pd.Timedelta,
    identity: str = "id",
) -> Paginated:
    """Read a list over a range in slices, a slice too long for offsets in halves.

    Parameters
    ----------
    asker
        Makes what asks for the pages of one slice. Ends may be counted in by the source:
        records told twice at a boundary are one.
    when
        The range.
    size, cap, identity
        See `listed_by_offset`.
    longest
        Longest range the source answers at once.
    """
    listed = Paginated()
    waiting = list(reversed(list(_slices(when, longest))))
    while waiting and listed.error is None:
        part = waiting.pop()
        found = await listed_by_offset(asker(part), size=size, cap=cap, identity=identity)
        if found.capped and part.duration > _SHORTEST:
            middle = part.start + part.duration / 2
            waiting += [TimeRange(middle, part.end), TimeRange(part.start, middle)]
            listed.requests += found.requests
            continue
        if found.capped:
            fact = f"{part}: more records than offsets reach ({cap:,}), the rest is left out"
            found.problems.append(fact)
        listed.add(found)
    if listed.error is not None and waiting:
        listed.problems.append(f"{len(waiting):,} later part(s) of the range not asked for")
    return listed


def provenance(source: str, path: str, when: TimeRange, *, listed: Paginated) -> Query:
    """Tell how a list was asked for."""
    digest = hashlib.sha256(json_text(list(listed.records.values())).encode()).hexdigest()
    pages = (("pages", str(listed.requests)),)
    return Query(source, path, pages, when, len(listed.records), digest)


def _slices(when: TimeRange, longest: pd.Timedelta) -> Iterator[TimeRange]:
    start = when.start
    while start < when.end:
        end = min(start + longest, when.end)
        yield TimeRange(start, end)
        start = end


def _take(listed: Paginated, page: Page, identity: str) -> None:
    again = 0
    for record in page.records:
        name = text_of(record.get(identity))
        if not name:
            listed.problems.append(f"a record without its {identity}, left out")
            continue
        again += name in listed.records
        listed.records.setdefault(name, record)
    if again:
        listed.notes.append(f"{again:,} duplicated row(s) dropped")


def _check(listed: Paginated, totals: set[int]) -> None:
    if len(totals) > 1:
        said = ", ".join(f"{total:,}" for total in sorted(totals))
        listed.problems.append(f"the list changed while it was read (totals {said})")
    for total in totals - {len(listed.records)}:
        listed.problems.append(f"the source counts {total:,} and gave {len(listed.records):,}")


def _is_cap(error: SourceError) -> bool:
    """Whether an error is the source's word that an offset is beyond its cap."""
    said = text_of(getattr(error, "payload", None)).lower()
    is_no = isinstance(error, SourceRefused) and error.status in {400, 422}
    return is_no and "offset" in said
