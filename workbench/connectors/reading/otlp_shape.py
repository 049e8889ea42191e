"""Export requests as they are met: OTLP/JSON, its kin by other spellings, and what is neither.

OTLP/JSON has lowerCamelCase keys (OTLP specification 1.x, "JSON Protobuf Encoding"). Protobuf's
own JSON also takes the original names; Tempo's downloads say ``batches``; Jaeger and Tempo wrap
a request in ``result`` or ``trace``.
"""

from __future__ import annotations

import re
from typing import Any

from workbench.connectors.reading.look_alikes import shape_of
from workbench.connectors.reading.rows import list_at, mapping_at
from workbench.errors import SourceGarbled

__all__ = ["export_request"]

_SCOPES = {
    "resourceSpans": ("scopeSpans", "instrumentationLibrarySpans"),
    "resourceMetrics": ("scopeMetrics", "instrumentationLibraryMetrics"),
    "resourceLogs": ("scopeLogs", "instrumentationLibraryLogs"),
}
_WRAPPERS = ("trace", "result")
_UNDERSCORE = re.compile(r"_([a-z0-9])")
_OF_A_GROUP = frozenset({"resource", "schemaUrl"})


def export_request(record: object) -> dict[str, Any]:
    """Return an export request in OTLP/JSON's spelling.

    Parameters
    ----------
    record
        A JSON value. An empty object is a request that holds nothing.

    Raises
    ------
    SourceGarbled
        Not OTLP; the message says what it looks like.
    """
    if not isinstance(record, dict):
        raise SourceGarbled(fact="Not OTLP", value=shape_of(record))
    for name in _WRAPPERS:
        inner = record.get(name)
        if isinstance(inner, dict) and not _known(record):
            record = inner
    request = _camel(record) if _is_original(record) else record
    if "batches" in request and "resourceSpans" not in request:
        request = {**request, "resourceSpans": request["batches"]}
    if request and not _known(request):
        raise SourceGarbled(fact="Not OTLP", value=shape_of(record))
    for name in _known(request):
        _check(request, name)
    return request


def _known(record: dict[str, Any]) -> list[str]:
    return [name for name in _SCOPES if name in record]


def _check(request: dict[str, Any], name: str) -> None:
    """Refuse groups that hold something, and none of it where OTLP has it."""
    if not isinstance(request[name], list | None):
        raise SourceGarbled(fact=f"{name} that is no list", value=shape_of(request[name]))
    for group in list_at(request, name):
        keys = set(mapping_at(group)) - _OF_A_GROUP
        if not isinstance(group, dict) or (keys and not keys & set(_SCOPES[name])):
            raise SourceGarbled(fact=f"{name} without {_SCOPES[name][0]}", value=shape_of(group))


def _is_original(record: dict[str, Any]) -> bool:
    """Whether a key of the first levels is spelt as in the .proto files."""
    waiting: list[tuple[object, int]] = [(record, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            if any("_" in str(key) for key in value):
                return True
            waiting += [(one, depth + 1) for one in value.values() if isinstance(one, list)]
        elif isinstance(value, list) and depth <= len(_SCOPES):
            waiting += [(one, depth) for one in value[:1]]
    return False


def _camel(value: Any) -> Any:  # noqa: ANN401 - JSON has any type
    """Spell the keys of every mapping in lowerCamelCase; names of attributes are values."""
    if isinstance(value, dict):
        return {
            _UNDERSCORE.sub(lambda m: m[1].upper(), str(k)): _camel(v) for k, v in value.items()
        }
    return [_camel(one) for one in value] if isinstance(value, list) else value
