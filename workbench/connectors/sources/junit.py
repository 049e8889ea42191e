"""JUnit XML reports from a folder → tests: every attempt is a row, and an error is no failure.

There is no one schema: what Ant, Maven Surefire (``flakyFailure``, ``rerunFailure``), Gradle,
pytest and others write is read, and what none of them promises is not relied on.

References
----------
Apache Maven Surefire, surefire-test-report 3.0 and "Rerun failing tests".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from xml.etree.ElementTree import ParseError
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import pydantic
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings, RawFile
from workbench.connectors.reading.rows import Parsed, RowReader, parse_timestamp, text_of
from workbench.errors import NaiveTimestamp, SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from xml.etree.ElementTree import Element

    from workbench.times import TimeRange

__all__ = ["JUnit", "JUnitSettings", "flaky"]

_COUNT_DIGITS = 11  # of a number of tests; a longer one counts nothing
_FIRST_YEAR, _LAST_YEAR = 1701, 2261  # whole years that nanoseconds since 1970 can hold
_COMMITS = ("commit", "git.commit", "git.commit.id", "vcs.ref.head.revision", "sha", "GITHUB_SHA")
_RUNS = ("run_id", "run.id", "build.number", "BUILD_NUMBER", "GITHUB_RUN_ID", "CI_PIPELINE_ID")
_ENDED = {"failure": "failed", "error": "error", "skipped": "skipped"}
_EARLIER = {"flakyFailure": "failed", "flakyError": "error"}  # before the run that passed
_LATER = {"rerunFailure": "failed", "rerunError": "error"}  # after the one that is told
_SUITES = ("testsuite", "testsuites")
_DID_NOT_RUN = frozenset(
    {"notrun", "skipped", "disabled", "suppressed", "ignored", "pending", "inactive"}
)
_WORDS = {"fail": "failed", "failed": "failed", "failure": "failed", "error": "error"}
_LONGEST_MESSAGE = 4000
_THOUSANDS = 3  # digits
_DEEPEST = 20  # suites inside suites; reports that are written have two or three


class JUnitSettings(FilesSettings):
    """Where the reports are.

    Parameters
    ----------
    zone
        Time zone of timestamps that carry none (most carry none), such as ``Europe/Paris``.
        Without it those reports take the time their file was written.
    """

    zone: str = pydantic.Field(default="", description="IANA zone of times without one")

    @pydantic.field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            return str(ZoneInfo(zone)) if zone else zone
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            message = f"no time zone is called {zone!r}"
            raise ValueError(message) from error


class JUnit(FileSource):
    """Test reports, one or many files a run; files of one folder are one run."""

    kind: ClassVar[str] = "junit"
    tables: ClassVar[tuple[str, ...]] = ("tests",)
    settings: JUnitSettings

    def __init__(self, source: str, settings: JUnitSettings) -> None:
        super().__init__(source, settings)

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the test cases of one report; one that says more cases than it holds was cut."""
        root = _root(file.data)
        gathering = RowReader(table)
        seconds = _Seconds.of(root)
        for chain in _suites(root):
            suite = chain[-1]
            path = [one.get("name", "") for one in chain if one.tag == "testsuite"]
            facts = self._facts(chain, file, gathering)
            cases = [child for child in suite if child.tag == "testcase"]
            for case in cases:
                shared = {**facts, "suite": " / ".join(path) or suite.get("name", "")}
                gathering.rows += list(_attempts(case, shared, seconds))
            said = suite.get("tests", "")
            held = sum(1 for _ in suite.iter("testcase"))
            if (
                said.isascii()
                and said.isdigit()
                and len(said) <= _COUNT_DIGITS
                and int(said) > held
            ):
                name = suite.get("name", "")
                fact = f"{file.name}: suite {name!r} says {said} tests and holds {held}"
                gathering.refused.append(fact)
        if not gathering.rows and root.tag not in {"testsuite", "testsuites"}:
            raise SourceGarbled(fact="XML that is no test report", value=root.tag)
        if seconds.unread:
            gathering.notes.append(
                f"{seconds.unread:,} duration(s) not read: the comma may part thousands or decimals"
            )
        return gathering.parsed()

    def join(self, table: str, parts: Sequence[Parsed], when: TimeRange) -> Sequence[Parsed]:
        """Count the attempts of one test in one run over all its files."""
        filled = [part.frame for part in parts if len(part.frame)]
        if not filled:
            return parts
        frame = pd.concat(filled, ignore_index=True).sort_values("ts", kind="stable")
        same = ["run_id", "suite", "classname", "name"]
        counted = frame.assign(attempt=frame.groupby(same, sort=False).cumcount() + 1)
        told = tuple(trouble for part in parts for trouble in part.problems)
        notes = dict.fromkeys(note for part in parts for note in part.notes)
        return [Parsed(counted.reset_index(drop=True), told, tuple(notes))]

    def _facts(
        self, chain: Sequence[Element], file: RawFile, gathering: RowReader
    ) -> dict[str, object]:
        """Read what all cases of a suite share: when, which run, which commit.

        What a suite does not say, the one around it says: it ran within that.
        """
        known = {name: value for one in chain for name, value in _properties(one).items()}
        said = next((at for one in reversed(chain) if (at := one.get("timestamp"))), "")
        ts, note = self._time(said, file)
        if note and note not in gathering.notes:
            gathering.notes.append(note)
        if ts is None:
            raise SourceGarbled(fact="A report without any time", value=file.name)
        return {
            "ts": ts,
            "run_id": _first(known, _RUNS) or Path(file.name).resolve().parent.name,
            "commit": _first(known, _COMMITS),
        }

    def _time(self, said: str, file: RawFile) -> tuple[pd.Timestamp | None, str]:
        """Read a suite's time; where it has none that can be placed, its file's."""
        try:
            ts = parse_timestamp(said)
            return (ts, "") if ts is not None else (file.modified, "no timestamp, file's time used")
        except NaiveTimestamp:
            if not self.settings.zone:
                return file.modified, "timestamps without a zone, file's time used (setting zone)"
            return self._placed(said, file)
        except SourceGarbled:
            return file.modified, "timestamps that are none, file's time used"

    def _placed(self, said: str, file: RawFile) -> tuple[pd.Timestamp | None, str]:
        local = pd.Timestamp(said.strip().replace(",", "."))
        if not _FIRST_YEAR <= local.year <= _LAST_YEAR:
            return file.modified, "timestamps that are none, file's time used"
        zone = self.settings.zone
        placed = local.as_unit("ns").tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
        if placed is pd.NaT:  # the hour a clock change skips or repeats
            return file.modified, "times in a clock change, file's time used"
        return placed.tz_convert("UTC"), ""


def flaky(tests: pd.DataFrame) -> pd.DataFrame:
    """List the tests that both passed and failed on one commit.

    Parameters
    ----------
    tests
        Rows of the table ``tests``; those of an unknown commit count by their run.

    Returns
    -------
    pandas.DataFrame
        ``commit suite classname name passed failed``, the most often failed first. Errors of
        the environment and skipped tests are no outcome of the test and count for neither.
    """
    told = tests[tests["outcome"].isin(["passed", "failed"])]
    place = told["commit"].where(told["commit"].fillna("") != "", "run " + told["run_id"])
    keys = ["commit", "suite", "classname", "name"]
    named = told.assign(
        commit=place, passed=told["outcome"] == "passed", failed=told["outcome"] == "failed"
    )
    counts = named.groupby(keys, observed=True, dropna=False)[["passed", "failed"]].sum()
    both = counts[(counts["passed"] > 0) & (counts["failed"] > 0)].reset_index()
    return both.sort_values(["failed", *keys], ascending=[False, *[True] * 4], ignore_index=True)


def _root(data: bytes) -> Element:
    try:
        return fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise SourceGarbled(fact="XML with a document type, refused", value=str(error)) from error
    except (ParseError, ValueError, LookupError) as error:
        raise SourceGarbled(fact="Not XML", value=str(error)) from error


def _suites(root: Element) -> Iterator[tuple[Element, ...]]:
    """Walk suites, nested ones too, each behind those around it; without recursion.

    The root is one where tests stand right under it (Node.js, tests outside of any suite).
    """
    waiting: list[tuple[Element, ...]] = [(root,)]
    while waiting:
        chain = waiting.pop()
        element = chain[-1]
        if len(chain) > _DEEPEST:
            raise SourceGarbled(fact="Test suites nested too deeply", value=len(chain))
        if element.tag == "testsuite" or any(child.tag == "testcase" for child in element):
            yield chain
        waiting += [(*chain, child) for child in reversed(element) if child.tag in _SUITES]


def _attempts(
    case: Element, facts: Mapping[str, object], seconds: _Seconds
) -> Iterator[dict[str, object]]:
    """Yield the runs of one test case in the order they were made."""
    shared = {**facts, "classname": case.get("classname", ""), "name": case.get("name", "")}
    ended = next((child for child in case if child.tag in _ENDED), None)
    earlier = [child for child in case if child.tag in _EARLIER]
    later = [child for child in case if child.tag in _LATER]
    for child in earlier:
        yield {**shared, **_ending(child, _EARLIER[str(child.tag)], seconds), "attempt": 1}
    outcome = _ENDED[str(ended.tag)] if ended is not None else _said_outcome(case)
    last = _ending(ended, outcome, seconds)
    yield {**shared, **last, "duration_s": seconds.read(case.get("time", "")), "attempt": 1}
    for child in later:
        yield {**shared, **_ending(child, _LATER[str(child.tag)], seconds), "attempt": 1}


def _said_outcome(case: Element) -> str:
    """Read the outcome of a case that has no element for it: GoogleTest and CTest have words."""
    words = [case.get(name, "").strip().lower() for name in ("result", "status", "outcome")]
    flags = [case.get(name, "").strip().lower() for name in ("disabled", "skipped", "ignored")]
    if _DID_NOT_RUN & set(words) or "true" in flags or case.get("executed", "").lower() == "false":
        return "skipped"
    return next((_WORDS[word] for word in words if word in _WORDS), "passed")


def _ending(element: Element | None, outcome: str, seconds: _Seconds) -> dict[str, object]:
    if element is None:
        return {"outcome": outcome, "message": "", "duration_s": math.nan}
    message = element.get("message") or (element.text or "").strip() or element.get("type", "")
    return {
        "outcome": outcome,
        "message": text_of(message)[:_LONGEST_MESSAGE],
        "duration_s": seconds.read(element.get("time", "")),
    }


def _properties(element: Element) -> dict[str, str]:
    found = [one for block in element if block.tag == "properties" for one in block]
    return {one.get("name", ""): one.get("value") or (one.text or "").strip() for one in found}


def _first(known: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((known[name] for name in names if known.get(name)), "")


@dataclass(slots=True)
class _Seconds:
    """How a report writes durations: some locales part thousands by a comma, some decimals."""

    decimal: str
    unread: int = 0

    @classmethod
    def of(cls, root: Element) -> _Seconds:
        """Tell the decimal mark from all durations of a report: one alone may not say it."""
        times = [one.get("time", "").strip() for one in root.iter()]
        marks = [_decimal_mark(text) for text in times if "," in text]
        return cls("," if "," in marks else "." if "." in marks else "")

    def read(self, text: str) -> float:
        """Read a duration in seconds; NaN where there is none, or where it may mean two."""
        plain = "".join(text.split())
        mark = _decimal_mark(plain) or self.decimal
        if "," in plain and not mark:
            self.unread += 1
            return math.nan
        plain = plain.replace(".", "").replace(",", ".") if mark == "," else plain.replace(",", "")
        try:
            seconds = float(plain)
        except ValueError:
            return math.nan
        return seconds if math.isfinite(seconds) and seconds >= 0 else math.nan


def _decimal_mark(text: str) -> str:
    """Tell the decimal mark of one number with commas, where it leaves no doubt."""
    if "," not in text:
        return "."
    if "." in text:
        return max(",.", key=text.rfind)
    whole, _, rest = text.partition(",")
    if "," in rest:
        return "."
    # Thousands have three digits behind their mark and no lone zero before it.
    return "," if len(rest) != _THOUSANDS or whole.lstrip("-+") in {"", "0"} else ""
