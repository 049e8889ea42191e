"""What a record that is not understood looks like: whose format it seems to be.

Only for messages. A file that lies in the wrong folder, or was downloaded from another tool, is
named for what it seems to be; nothing is read by these guesses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.connectors.reading.rows import list_at, mapping_at, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["looks_like", "shape_of"]

_MOST_KEYS = 6


def _has(*names: str) -> Callable[[dict[str, object]], bool]:
    return lambda record: all(name in record for name in names)


_KNOWN: tuple[tuple[str, Callable[[dict[str, object]], bool]], ...] = (
    ("OTLP", lambda record: any(name.startswith("resource") for name in record)),
    ("a Tempo trace", _has("batches")),
    ("a Zipkin span", _has("traceId", "id", "localEndpoint")),
    ("a Zipkin span", _has("traceId", "id", "timestamp")),
    ("a Jaeger trace", _has("traceID", "spans", "processes")),
    (
        "a download of Jaeger",
        lambda record: any("traceID" in mapping_at(one) for one in list_at(record, "data")),
    ),
    ("an answer of Prometheus or Loki", _has("status", "data")),
    ("a webhook message of Alertmanager", _has("groupKey", "alerts")),
    ("a file of CloudTrail", _has("Records")),
    ("a record of CloudTrail", _has("eventSource", "eventName")),
    ("an entry of LaunchDarkly's audit log", _has("titleVerb", "kind")),
    ("a CloudEvent", _has("specversion", "type")),
    ("a CDEvent", _has("context", "subject")),
    ("an answer of OpenSearch", _has("hits", "took")),
    ("a Chaos Toolkit journal", _has("chaoslib-version", "experiment")),
)


def looks_like(record: object) -> str:
    """Say what a record seems to be; empty where nobody can tell.

    Examples
    --------
    >>> looks_like({"data": [{"traceID": "a1", "spans": []}]})
    'a download of Jaeger'
    """
    if isinstance(record, list):
        return looks_like(record[0]) if record else ""
    known = mapping_at(record)
    if "apiVersion" in known and "kind" in known:
        return f"a Kubernetes object ({text_of(known['kind'])})"
    return next((name for name, fits in _KNOWN if fits(known)), "")


def shape_of(record: object) -> str:
    """Describe a record for a message: what it looks like, and its first keys."""
    seems = looks_like(record)
    if isinstance(record, dict):
        shown = f"keys {', '.join(sorted(map(str, record))[:_MOST_KEYS])}" if record else "no keys"
    else:
        shown = type(record).__name__
    return f"it looks like {seems} ({shown})" if seems else shown
