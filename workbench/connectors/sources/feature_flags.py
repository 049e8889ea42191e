"""Feature flags from files → changes: who switched what, or when another variant was first seen.

Read are the audit log of LaunchDarkly, ``feature_flag.evaluation`` events of OpenTelemetry,
and configuration changes as flagd and OpenFeature providers tell them.

References
----------
LaunchDarkly REST API, audit log entries (``date`` in milliseconds). OpenTelemetry semantic
conventions for feature flags. OpenFeature specification, provider events.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import pydantic

from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings, RawFile
from workbench.connectors.reading.look_alikes import shape_of
from workbench.connectors.reading.rows import (
    EVERY_SERVICE,
    Parsed,
    RowReader,
    epoch,
    json_records,
    list_at,
    mapping_at,
    parse_timestamp,
    text_of,
)
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workbench.times import TimeRange

__all__ = ["FeatureFlags", "FeatureFlagsSettings"]

_RESOURCE = re.compile(r"(?:proj/([^:;]+):)?env/([^:;]+):(flag|segment)/([^:;]+)")
_TIMES = ("timestamp", "time", "ts", "Timestamp", "observedTimestamp")
_CONFIGURATION = {"configuration_change", "PROVIDER_CONFIGURATION_CHANGED"}
_EVALUATION = "evaluation"


class _OfNoFlag(SourceGarbled):
    """An entry that was understood and is about something else: members, tokens, projects."""


class FeatureFlagsSettings(FilesSettings):
    """Where the flag events are, and whose flags they are.

    Parameters
    ----------
    services
        Service by flag key: whose behaviour a flag changes. Others change every service.
    """

    services: dict[str, str] = pydantic.Field(
        default_factory=dict, description="service by flag key"
    )


class FeatureFlags(FileSource):
    """Changes of feature flags, recorded to files of JSON or JSON lines."""

    kind: ClassVar[str] = "feature_flags"
    tables: ClassVar[tuple[str, ...]] = ("changes",)
    settings: FeatureFlagsSettings

    def __init__(self, source: str, settings: FeatureFlagsSettings) -> None:
        super().__init__(source, settings)

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the flag events of one file; evaluations become changes once all are known."""
        others: Counter[str] = Counter()

        def rows(record: object) -> Iterator[dict[str, object]]:
            try:
                yield from self._rows(record)
            except _OfNoFlag as error:
                others[error.fact] += 1

        reader = RowReader(table).each(_entries(file.data), rows)
        reader.notes += [
            f"{count:,} × {fact[0].lower()}{fact[1:]}" for fact, count in others.items()
        ]
        return reader.parsed()

    def join(self, table: str, parts: Sequence[Parsed], when: TimeRange) -> Sequence[Parsed]:
        """Keep of all evaluations those where a service first saw another version or variant."""
        filled = [part.frame for part in parts if len(part.frame)]
        if not filled:
            return parts
        frame = pd.concat(filled, ignore_index=True)
        seen = frame["how"] == _EVALUATION
        changed = _first_of_another(frame[seen])
        kept = pd.concat([frame[~seen], changed], ignore_index=True).drop(columns=["how", "flag"])
        told = tuple(trouble for part in parts for trouble in part.problems)
        note = f"{int(seen.sum()):,} evaluations read, {len(changed):,} of another variant"
        return [Parsed(kept, told, (note,) if seen.any() else ())]

    def _rows(self, record: object) -> Iterator[dict[str, object]]:
        if not isinstance(record, dict):
            raise SourceGarbled(fact="Not an object", value=record)
        if "titleVerb" in record or "accesses" in record:
            yield from self._audited(record)
        elif text_of(record.get("type")) in _CONFIGURATION or "flagsChanged" in record:
            yield from self._configured(record)
        else:
            yield self._evaluated(record)

    def _audited(self, entry: dict[str, Any]) -> Iterator[dict[str, object]]:
        """Yield a row a flag or segment and environment of an entry of LaunchDarkly's audit log.

        Who is in a segment decides who gets a flag: a change of one is a change.
        """
        ts = epoch(entry.get("date"), unit="ms")
        actor = text_of(mapping_at(entry, "member").get("email")) or text_of(
            mapping_at(entry, "token").get("name")
        )
        named = [text_of(one) for one in list_at(entry, "target", "resources")]
        found = {m[0]: m for one in named for m in _RESOURCE.finditer(one)}
        if not found:
            of = text_of(entry.get("kind")) or "something else"
            raise _OfNoFlag(fact=f"An entry of no flag and no segment, but of {of}")
        for match in found.values():
            said = text_of(entry.get("titleVerb") or entry.get("shortDescription"))
            is_segment = match[3] == "segment"
            yield self._row(
                f"segment {match[4]}" if is_segment else match[4],
                ts,
                version=said,
                actor=actor,
                environment=match[2],
                how="audit",
            )

    def _configured(self, event: dict[str, Any]) -> Iterator[dict[str, object]]:
        flags = mapping_at(event, "data", "flags") or dict.fromkeys(
            [text_of(one) for one in list_at(event, "flagsChanged")]
        )
        for key, what in flags.items():
            said = text_of(mapping_at(what).get("type")) or "changed"
            yield self._row(text_of(key), _time(event), version=said, how="configuration")

    def _evaluated(self, event: dict[str, Any]) -> dict[str, object]:
        facts = {**_attributes(event.get("resource")), **_attributes(event), **event}
        key = text_of(facts.get("feature_flag.key") or facts.get("flagKey"))
        if not key:
            raise SourceGarbled(fact="Not a flag event that is known", value=shape_of(event))
        variant = text_of(
            facts.get("feature_flag.result.variant")
            or facts.get("feature_flag.variant")  # before semantic conventions 1.31
            or facts.get("variant")
            or facts.get("feature_flag.result.value")
        )
        version = text_of(facts.get("feature_flag.version"))
        said = f"{version} {variant}".strip()
        service = text_of(facts.get("service.name") or facts.get("service"))
        return self._row(key, _time(event), version=said, how=_EVALUATION, service=service)

    def _row(
        self,
        key: str,
        ts: pd.Timestamp,
        *,
        version: str,
        how: str,
        actor: str = "",
        environment: str = "",
        service: str = "",
    ) -> dict[str, object]:
        return {
            "ts": ts,
            "kind": "flag",
            "service": self.settings.services.get(key, service or EVERY_SERVICE),
            "ref": f"{key}@{ts:%Y-%m-%dT%H:%M:%SZ}",
            "version": version,
            "actor": actor,
            "environment": environment,
            "how": how,
            "flag": key,
        }


def _entries(data: bytes) -> Iterator[tuple[str, Any]]:
    """Read records; a page of an audit log holds them in ``items``."""
    for place, record in json_records(data):
        items = list_at(record, "items") if isinstance(record, dict) else []
        if isinstance(record, dict) and "apiVersion" in record:  # of Kubernetes: of no flag
            yield place, record
        elif items:
            yield from ((f"{place}, item {n}", one) for n, one in enumerate(items, start=1))
        elif not (isinstance(record, dict) and record.get("items") == []):
            yield place, record


def _attributes(record: object) -> Mapping[str, Any]:
    """Read attributes of a mapping, or of a list as OTLP writes them."""
    found = mapping_at(record).get("attributes")
    if isinstance(found, dict):
        return found
    pairs = [one for one in list_at(found) if isinstance(one, dict)]
    return {
        text_of(one.get("key")): next(iter(mapping_at(one, "value").values()), None)
        for one in pairs
    }


def _time(event: Mapping[str, Any]) -> pd.Timestamp:
    nanoseconds = text_of(event.get("timeUnixNano"))
    if re.fullmatch("[1-9][0-9]{0,17}|[1-8][0-9]{18}", nanoseconds):
        return pd.Timestamp(int(nanoseconds), unit="ns", tz="UTC")
    found = next((event[name] for name in _TIMES if event.get(name)), None)
    ts = epoch(found, unit="s") if isinstance(found, int | float) else parse_timestamp(found)
    if ts is None:
        raise SourceGarbled(fact="A flag event without a time", value=sorted(map(str, event)))
    return ts


def _first_of_another(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Keep the first evaluation of each version and variant, but for the first of a flag.

    What a flag was before it was first seen is not known, so that is no change. A gradual
    rollout shows as one change: the first time its other variant was given to anybody.
    """
    ordered = evaluations.sort_values("ts", kind="stable")
    fresh = ordered[~ordered.duplicated(["service", "flag", "version"])]
    return fresh[fresh.duplicated(["service", "flag"])]
