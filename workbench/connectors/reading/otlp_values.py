"""OTLP's values: any-values, ids, times and the two spellings of JSON that are met.

OTLP/JSON writes ids as hexadecimal and 64-bit integers as text (OTLP specification 1.x, "JSON
Protobuf encoding"); what turns protobuf into JSON by the book writes ids as base64.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from workbench.connectors.reading.rows import list_at, mapping_at, text_of
from workbench.errors import SourceGarbled

__all__ = ["any_value", "attributes_of", "hex_id", "integer", "number", "resource_of", "time_ns"]

_HEX = re.compile(r"[0-9a-fA-F]*")
_LATEST = 2**63 - 1
# Of the resource, what says where a service runs; the rest repeats on every row.
_KEPT = (
    "service.version",
    "service.instance.id",
    "service.namespace",
    "deployment.",
    "host.name",
    "host.id",
    "instance",
    "pod",
    "replica",
    "aws.ecs.task",
    "k8s.",
    "container.",
    "cloud.",
    "faas.",
    "process.pid",
)
_DEEPEST = 8


def any_value(value: object, *, depth: int = 0) -> Any:  # noqa: ANN401 - that is its name
    """Read an AnyValue (opentelemetry/proto/common/v1); what is no AnyValue is None."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        return None
    for name in ("stringValue", "boolValue", "doubleValue"):
        if name in value:
            return value[name]
    if "intValue" in value:
        return integer(value["intValue"])
    if "arrayValue" in value:
        return [any_value(one, depth=depth + 1) for one in list_at(value, "arrayValue", "values")]
    if "kvlistValue" in value:
        return attributes_of(list_at(value, "kvlistValue", "values"), depth=depth + 1)
    return value.get("bytesValue")


def attributes_of(pairs: object, *, depth: int = 0) -> dict[str, Any]:
    """Read a list of key and AnyValue; a key that comes twice keeps the last."""
    return {
        text_of(mapping_at(pair).get("key")): any_value(mapping_at(pair).get("value"), depth=depth)
        for pair in list_at(pairs)
    }


def resource_of(group: object) -> tuple[str, dict[str, Any]]:
    """Read the resource of a group: the service's name, and what else is kept of it."""
    known = attributes_of(mapping_at(group, "resource").get("attributes"))
    service = text_of(known.get("service.name"))
    return service, {k: v for k, v in known.items() if k.startswith(_KEPT)}


def hex_id(value: object) -> str:
    """Read a trace or span id, hexadecimal or base64; all zeros are no id.

    Raises
    ------
    SourceGarbled
        Neither.
    """
    text = text_of(value)
    if _HEX.fullmatch(text) and len(text) in {0, 16, 32}:
        return text.lower() if text.strip("0") else ""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SourceGarbled(fact="Neither a trace id nor a span id", value=text) from error
    if len(raw) not in {8, 16}:
        raise SourceGarbled(fact="Neither a trace id nor a span id", value=text)
    return raw.hex() if any(raw) else ""


def integer(value: object) -> int:
    """Read a 64-bit integer, a number or text.

    Raises
    ------
    SourceGarbled
        Not an integer.
    """
    try:
        return int(value) if isinstance(value, str | int) else int(float(text_of(value)))
    except (ValueError, OverflowError) as error:
        raise SourceGarbled(fact="Not an integer", value=value) from error


def number(value: object) -> float:
    """Read a double, which JSON writes as text where it is NaN or infinite.

    Raises
    ------
    SourceGarbled
        Not a number.
    """
    try:
        return float(text_of(value))
    except ValueError as error:
        raise SourceGarbled(fact="Not a number", value=value) from error


def time_ns(value: object) -> int:
    """Read nanoseconds since 1970.

    Raises
    ------
    SourceGarbled
        Missing, zero, or beyond what 64 bits hold.
    """
    read = integer(value if value is not None else 0)
    if not 0 < read < _LATEST:
        raise SourceGarbled(fact="A record without a time", value=value)
    return read
