"""Objects of the Kubernetes API → events and which node hosts which service.

References
----------
Kubernetes API: core/v1 ``Event`` and ``Pod``, events.k8s.io/v1 ``Event``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.connectors.reading.look_alikes import shape_of
from workbench.connectors.reading.rows import (
    Parsed,
    list_at,
    mapping_at,
    parse_timestamp,
    text_of,
)
from workbench.errors import SourceGarbled
from workbench.times import utc_column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.times import TimeRange

__all__ = ["event_rows", "host_edges", "service_of_pod", "within"]

_NAMES = ("app.kubernetes.io/name", "app", "k8s-app")


def event_rows(event: Any) -> Iterator[dict[str, object]]:  # noqa: ANN401 - any JSON
    """Yield the row of one event, of either API.

    An event that goes on is one object whose count grows: its row stands at its last time,
    `count` is how often it was seen in all, and ``began`` when first; see `within`.

    Raises
    ------
    SourceGarbled
        No event, or one without any time.
    """
    record = mapping_at(event)
    about = mapping_at(record, "involvedObject") or mapping_at(record, "regarding")
    if not about or "reason" not in record:
        raise SourceGarbled(fact="Not an event", value=shape_of(event))
    series = mapping_at(record, "series")
    times = (
        series.get("lastObservedTime"),
        record.get("lastTimestamp"),
        record.get("deprecatedLastTimestamp"),
        record.get("eventTime"),
        record.get("firstTimestamp"),
        record.get("deprecatedFirstTimestamp"),
        mapping_at(record, "metadata").get("creationTimestamp"),
    )
    at = next((read for told in times if (read := parse_timestamp(told)) is not None), None)
    if at is None:
        raise SourceGarbled(fact="An event without a time", value=text_of(record.get("reason")))
    starts = (
        record.get("firstTimestamp"),
        record.get("deprecatedFirstTimestamp"),
        record.get("eventTime"),
    )
    began = next((read for told in starts if (read := parse_timestamp(told)) is not None), at)
    count = series.get("count") or record.get("count") or record.get("deprecatedCount") or 1
    yield {
        "ts": at,
        "reason": text_of(record.get("reason")),
        "type": text_of(record.get("type")) or "Normal",
        "kind": text_of(about.get("kind")),
        "namespace": text_of(about.get("namespace")),
        "name": text_of(about.get("name")),
        "message": text_of(record.get("message") or record.get("note")),
        "count": count if isinstance(count, int) else 1,
        "began": min(began, at),
    }


def within(part: Parsed, when: TimeRange) -> Parsed:
    """Place events that went on beyond a range inside it; ``began`` is dropped.

    One that was last seen after the range and first before its end happened in it: it stands
    where it began, or at the start of the range, and counts the one time that is known.
    """
    frame = part.frame
    if "began" not in frame:
        return part
    began, ts = utc_column(frame["began"]), utc_column(frame["ts"])
    early = int(((began < when.start) & (ts >= when.start) & (ts < when.end)).sum())
    notes = [*part.notes]
    if early:
        notes.append(f"{early:,} event(s) began before the range: their count is of all of it")
    over = (ts >= when.end) & (began < when.end) & (began < ts)
    first = began.where(began > when.start, when.start)
    placed = frame.drop(columns="began").assign(ts=ts.where(~over, first))
    placed["count"] = frame["count"].where(~over, 1)
    if not over.any():
        return Parsed(placed, part.problems, tuple(notes))
    why = f"{int(over.sum()):,} event(s) go on after the range: how often within it is not known"
    return Parsed(placed, (*part.problems, why), tuple(notes))


def host_edges(pods: list[Any], owners: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield node → service of each pod that has a node.

    Parameters
    ----------
    pods
        As listed.
    owners
        Name of a ReplicaSet (``namespace/name``) to that of the Deployment that owns it.
    """
    for pod in pods:
        node = text_of(mapping_at(pod, "spec").get("nodeName"))
        service = service_of_pod(mapping_at(pod), owners)
        if node and service:
            yield node, service


def service_of_pod(pod: Mapping[str, Any], owners: Mapping[str, str]) -> str:
    """Name the service of a pod: its label, else the workload that owns it in the end."""
    metadata = mapping_at(pod, "metadata")
    labels = mapping_at(metadata, "labels")
    named = next((text_of(labels[name]) for name in _NAMES if labels.get(name)), "")
    if named:
        return named
    for owner in map(mapping_at, list_at(metadata, "ownerReferences")):
        name = text_of(owner.get("name"))
        if owner.get("kind") == "ReplicaSet":
            return owners.get(f"{text_of(metadata.get('namespace'))}/{name}", name)
        if name:
            return name
    return text_of(metadata.get("name"))
