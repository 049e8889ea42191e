"""What every connector must do, as tests to inherit: plain methods with asserts, for any runner.

::

    class TestMine(ConnectorContract):
        WHEN = TimeRange("2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z")  # a range with rows

        def make(self):
            return Mine("mine", MineSettings(...))

Each message of a failure says what is missing. Faults of the network are not tried here: the
repository's tests drive every connector through a proxy that makes them.
"""

from __future__ import annotations

import asyncio
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from workbench.connectors.contract import Connector, Estimate, Fetched
from workbench.errors import BadInput
from workbench.tables import SCHEMAS, conform
from workbench.times import TimeRange

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["ConnectorContract"]

_VERDICTS = ("complete", "partial", "empty", "failed", "stale")


class ConnectorContract:
    """Tests of one connector.

    Attributes
    ----------
    WHEN
        A range in which the source has rows of every table of `TABLES`.
    TABLES
        Tables to try; all of the connector's where empty.
    SPLITS
        Whether two halves of a range give the same rows as the whole: not where rows are
        states without a time of their own (topology is never split).
    CANARIES
        Texts that must stand in nothing that is shown.
    """

    WHEN: ClassVar[TimeRange]
    TABLES: ClassVar[tuple[str, ...]] = ()
    SPLITS: ClassVar[bool] = True
    CANARIES: ClassVar[tuple[str, ...]] = ()

    def make(self) -> Connector:
        """Make the connector under test; called anew for each test."""
        raise NotImplementedError

    def asked(self, work: Callable[[Connector], Awaitable[T]]) -> T:
        """Run one piece of work with a new connector and close it."""

        async def run() -> T:
            connector = self.make()
            try:
                return await work(connector)
            finally:
                await connector.aclose()

        return asyncio.run(run())

    def fetched(self, table: str, when: TimeRange, *services: str) -> Fetched:
        """Fetch once with a new connector."""
        return self.asked(lambda made: made.fetch(table, when, services=services))

    def test_it_is_a_connector(self) -> None:
        """It has the attributes and methods of `Connector`, with their signatures."""
        made = self.make()
        assert isinstance(made, Connector), "attributes or methods of Connector are missing"
        assert made.kind, "kind is the name sources.yaml calls it"
        assert isinstance(made.cacheable, bool), "cacheable says whether an answer may be kept"
        known = {*SCHEMAS, "topology"}
        assert made.tables, "tables names what it gives"
        assert set(made.tables) <= known, f"tables are some of {sorted(known)}"
        for name in ("fetch", "estimate", "aclose"):
            ours, theirs = getattr(Connector, name), getattr(type(made), name)
            assert inspect.iscoroutinefunction(theirs), f"{name} must be async"
            assert list(inspect.signature(theirs).parameters) == list(
                inspect.signature(ours).parameters
            ), f"{name} must have the parameters of Connector.{name}"

    def test_its_name_is_what_its_user_gave(self) -> None:
        """The source's name stands in coverage and provenance."""
        for table in self._tables():
            found = self.fetched(table, self.WHEN)
            source = self.make().source
            assert {row.source for row in found.coverage} == {source}
            assert {query.source for query in found.queries} <= {source}

    def test_what_it_gives_fits_its_table(self) -> None:
        """Rows are conformed, in the range, and as many as the verdict says."""
        for table in self._tables():
            found = self.fetched(table, self.WHEN)
            assert found.table == table
            assert len(found.frame), f"no row of {table} in WHEN: {found.coverage}"
            assert found.coverage, "a fetch without a verdict"
            assert {row.table for row in found.coverage} == {table}
            if table == "topology":
                assert {"src", "dst", "source"} <= set(found.frame.columns)
                continue
            pd.testing.assert_frame_equal(conform(table, found.frame), found.frame)
            when = found.frame[SCHEMAS[table].time]
            inside = self.WHEN.mask(when)
            if table not in {"incidents", "alerts"}:  # these may have begun before
                assert inside.all(), f"{int((~inside).sum())} rows lie outside the range"
            whole = [row.rows for row in found.coverage if row.service == "*"]
            assert not whole or sum(whole) == len(found.frame), "the verdict counts otherwise"

    def test_it_gives_the_same_again(self) -> None:
        """Two fetches of a range give the same rows, and provenance to tell it by."""
        for table in self._tables():
            one, two = self.fetched(table, self.WHEN), self.fetched(table, self.WHEN)
            pd.testing.assert_frame_equal(one.frame, two.frame)
            assert one.queries, "a fetch must say how the rows were asked for"
            assert [q.digest for q in one.queries] == [q.digest for q in two.queries]

    def test_two_halves_are_the_whole(self) -> None:
        """A range that is split gives the rows of the whole, none twice and none left out."""
        half = self.WHEN.start + self.WHEN.duration / 2
        parts = (TimeRange(self.WHEN.start, half), TimeRange(half, self.WHEN.end))
        for table in self._tables():
            if table in {"topology", "incidents", "alerts"} or not self.SPLITS:
                continue
            whole = self.fetched(table, self.WHEN).frame
            halves = [self.fetched(table, part).frame for part in parts]
            joined = pd.concat([f for f in halves if len(f)], ignore_index=True)
            pd.testing.assert_frame_equal(_sorted(conform(table, joined)), _sorted(whole))

    def test_no_rows_are_told_as_no_rows(self) -> None:
        """A range without rows is empty with a reason: neither an error nor ``complete``."""
        later = self.WHEN.shift(pd.Timedelta(days=400))
        for table in self._tables():
            found = self.fetched(table, later)
            if len(found.frame):
                continue  # states that are valid at any time
            assert all(row.status != "complete" for row in found.coverage)
            assert all(row.reason for row in found.coverage), "say why there is nothing"

    def test_services_narrow_it(self) -> None:
        """Asked for one service it gives that one, and no other."""
        for table in self._tables():
            whole = self.fetched(table, self.WHEN).frame
            if "service" not in whole or not whole["service"].astype("str").str.len().any():
                continue
            first = str(whole.loc[whole["service"].astype("str") != "", "service"].iloc[0])
            found = self.fetched(table, self.WHEN, first)
            assert set(found.frame["service"].astype("str")) <= {first, "*"}
            assert (found.frame["service"].astype("str") == first).any()

    def test_a_wrong_question_is_refused(self) -> None:
        """An unknown table and a service that is not text are `BadInput`, with a message."""
        wrong: Any = 3
        table = self.make().tables[0]
        assert self._refused(lambda made: made.fetch("no such table", self.WHEN))
        assert self._refused(lambda made: made.estimate("no such table", self.WHEN))
        assert self._refused(lambda made: made.fetch(table, self.WHEN, services=(wrong,)))

    def test_it_estimates(self) -> None:
        """An estimate has a basis, and is not wildly wrong where it has a number."""
        for table in self._tables():
            told = self.asked(partial(_estimated, table, self.WHEN))
            assert isinstance(told, Estimate)
            assert told.basis, "an estimate must say how it is known"
            rows = len(self.fetched(table, self.WHEN).frame)
            assert told.rows is None or rows / 10 <= told.rows <= max(rows * 10, 1000)

    def test_it_tells_no_secrets(self) -> None:
        """Neither its repr nor its coverage and provenance hold a credential."""
        made = self.make()
        shown = repr(made) + str(made)
        for table in self._tables():
            found = self.fetched(table, self.WHEN)
            shown += repr(found.coverage) + repr(found.queries)
        leaked = [canary for canary in self.CANARIES if canary in shown]
        assert not leaked, "a credential is shown"

    def test_it_can_be_closed_and_stopped(self) -> None:
        """Closing twice is no error, and a fetch that is cancelled ends."""

        async def work(made: Connector) -> bool:
            running = asyncio.ensure_future(made.fetch(self._tables()[0], self.WHEN))
            await asyncio.sleep(0)
            running.cancel()
            done, _ = await asyncio.wait([running], timeout=5)
            await made.aclose()
            return bool(done)

        assert self.asked(work), "still fetching 5 s after it was cancelled"

    def test_its_verdicts_are_known_words(self) -> None:
        """Each row of coverage has one of five verdicts; all but two give their reason."""
        for table in self._tables():
            for row in self.fetched(table, self.WHEN).coverage:
                assert row.status in _VERDICTS
                assert row.reason or row.status in {"complete"}, f"{row.status}: say why"

    def _refused(self, work: Callable[[Connector], Awaitable[object]]) -> str:
        """Message of the `BadInput` that a piece of work ends in; empty where it does not."""
        try:
            self.asked(work)
        except BadInput as error:
            return str(error)
        return ""

    def _tables(self) -> tuple[str, ...]:
        return self.TABLES or self.make().tables


async def _estimated(table: str, when: TimeRange, made: Connector) -> Estimate:
    return await made.estimate(table, when)


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    plain = frame.astype(
        {c: "str" for c in frame if isinstance(frame[c].dtype, pd.CategoricalDtype)}
    )
    return plain.sort_values(list(plain.columns), ignore_index=True)
