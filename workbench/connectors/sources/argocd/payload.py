"""Argo CD applications as rows of changes: what was deployed, and what failed to be.

References
----------
Argo CD, Application custom resource: ``status.history`` and ``status.operationState``. An
application keeps its last ten deployments (``spec.revisionHistoryLimit``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workbench.connectors.reading.rows import list_at, mapping_at, parse_timestamp, text_of
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.times import TimeRange

__all__ = ["application_rows", "applications_of", "forgotten"]

_KEPT = 10
_FAILED = {"Failed", "Error"}


def applications_of(place: str, record: object) -> Iterator[tuple[str, object]]:
    """Yield the applications of a list (``items``) or the one application it is."""
    listed = mapping_at(record).get("items")
    if isinstance(listed, list):
        yield from ((f"{place}, item {n}", one) for n, one in enumerate(listed, start=1))
    elif not (isinstance(record, dict) and "items" in record and listed is None):
        yield place, record  # Argo CD writes no applications as null


def application_rows(application: object, label: str) -> Iterator[dict[str, object]]:
    """Yield a row a deployment of one application, and its last one where that failed.

    Parameters
    ----------
    application
        As the API or ``kubectl get applications -o json`` gives it.
    label
        Label of the application that names its service; its own name without one.
    """
    name = text_of(mapping_at(application, "metadata").get("name"))
    status = mapping_at(application).get("status")
    if not name or not isinstance(status, dict | None):
        raise SourceGarbled(fact="Not an application", value=application)
    labels = mapping_at(application, "metadata", "labels")
    shared = {
        "service": text_of(labels.get(label)) or name,
        "environment": text_of(mapping_at(application, "spec", "destination").get("namespace")),
    }
    seen: list[str] = []
    told: set[str] = set()
    for entry in map(mapping_at, list_at(application, "status", "history")):
        key = json.dumps(entry, sort_keys=True)
        if key not in told:  # the same entry again is the same deployment
            told.add(key)
            yield {**shared, **_deployed(name, entry, seen)}
    state = mapping_at(application, "status", "operationState")
    if text_of(state.get("phase")) in _FAILED:
        yield {**shared, **_failed(name, state)}


def forgotten(application: object, when: TimeRange) -> str:
    """Say where an application may have forgotten deployments of the range, else nothing."""
    history = list_at(application, "status", "history")
    said = mapping_at(application, "spec").get("revisionHistoryLimit")
    kept = said if isinstance(said, int) and not isinstance(said, bool) else _KEPT
    times = [text_of(mapping_at(entry).get("deployedAt")) for entry in history]
    name = text_of(mapping_at(application, "metadata").get("name"))
    if kept == 0:
        return f"{name}: keeps no history of deployments"
    if len(history) < kept or not times:
        return ""
    try:
        oldest = parse_timestamp(times[0])
    except (SourceGarbled, ValueError):
        return ""
    if oldest is None or oldest <= when.start:
        return ""
    return f"{name}: only its last {len(history)} deployments are kept, from {times[0]} on"


def _deployed(name: str, entry: Mapping[str, Any], seen: list[str]) -> dict[str, object]:
    """Read one deployment; one back to a revision that was there before is a rollback."""
    done = parse_timestamp(entry.get("deployedAt"))
    begun = parse_timestamp(entry.get("deployStartedAt"))
    if done is None:
        raise SourceGarbled(fact="A deployment without deployedAt", value=entry.get("id"))
    version = text_of(entry.get("revision")) or " ".join(
        text_of(one) for one in list_at(entry, "revisions")
    )
    back = version in seen[:-1] and version != seen[-1]
    seen.append(version)
    return {
        "ts": begun or done,
        "end_ts": done,
        "kind": "rollback" if back else "deploy",
        "ref": f"{name}#{text_of(entry.get('id'))}",
        "version": version,
        "actor": _actor(mapping_at(entry, "initiatedBy")),
        "url": text_of(mapping_at(entry, "source").get("repoURL")),
        "outcome": "Succeeded",
    }


def _failed(name: str, state: Mapping[str, Any]) -> dict[str, object]:
    begun = parse_timestamp(state.get("startedAt"))
    if begun is None:
        raise SourceGarbled(fact="An operation without startedAt", value=name)
    operation = mapping_at(state, "operation")
    synced = mapping_at(state, "syncResult") or mapping_at(operation, "sync")
    return {
        "ts": begun,
        "end_ts": parse_timestamp(state.get("finishedAt")),
        "kind": "deploy",
        "ref": f"{name}@{begun:%Y-%m-%dT%H:%M:%SZ}",
        "version": text_of(synced.get("revision")),
        "actor": _actor(mapping_at(operation, "initiatedBy")),
        "url": "",
        "outcome": text_of(state.get("phase")),
    }


def _actor(by: Mapping[str, Any]) -> str:
    return text_of(by.get("username")) or ("automated" if by.get("automated") else "")
