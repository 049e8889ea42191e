"""Export requests of OTLP in a file: JSON, JSON lines, protobuf, one message or many."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from workbench.connectors.reading.rows import json_records
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

Signal: TypeAlias = 'Literal["traces", "metrics", "logs"]'

__all__ = ["SIGNALS", "decoded", "documents", "is_json", "signal_of"]

_MORE_BYTES = 0x80  # the bit of a varint that says that another byte follows (protobuf encoding)
SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
_LARGEST_VARINT = 10
_LENGTH_BYTES = 4  # before each message (collector-contrib, file exporter, "proto" format)
_JSON = re.compile(rb"\s*(?:\{\s*[\"}]|\[)")
_BOM = b"\xef\xbb\xbf"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SHOWN = 60  # characters
_FIRST_TAG = 0x0A  # field 1, of a length: every export request begins with it


def documents(data: bytes, *, signal: Signal | None = None) -> Iterator[tuple[str, Any]]:
    """Read the export requests of a file.

    Parameters
    ----------
    data
        JSON, JSON lines or protobuf; of protobuf one message, or each behind its length: four
        bytes, big-endian, as the collector's file exporter writes it, or a varint.
    signal
        What a protobuf file holds: its bytes do not say.

    Yields
    ------
    tuple
        Place and request in OTLP/JSON's shape, or the `SourceGarbled` of one line.

    Raises
    ------
    SourceGarbled
        Neither JSON nor protobuf of a known signal.
    """
    if is_json(data):
        yield from json_records(data)
        return
    told = _text(data)
    if told:
        raise SourceGarbled(fact="Text that is neither JSON nor protobuf", value=told[:_SHOWN])
    if data.startswith(_ZSTD):
        hint = "Unpack it, or let the exporter write gzip or nothing"
        raise SourceGarbled(fact="A file packed with zstd, which is not read", hint=hint)
    if signal is None:
        hint = "Name the file after what it holds (traces, metrics, logs), or set signal"
        raise SourceGarbled(fact="A protobuf file of an unknown signal", hint=hint)
    try:
        yield "message", decoded(data, signal)
    except SourceGarbled:
        yield from _framed(data, signal) if _is_framed(data) else _delimited(data, signal)


def _text(data: bytes) -> str:
    """Return what is plainly text; protobuf has tags and lengths that no text has."""
    try:
        told = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""
    return told if all(one.isprintable() or one.isspace() for one in told) else ""


def is_json(data: bytes) -> bool:
    """Tell JSON from protobuf by how it begins; 0x0A, a line feed, begins protobuf too."""
    return _JSON.match(data.removeprefix(_BOM)) is not None


def decoded(data: bytes, signal: Signal) -> dict[str, Any]:
    """Read one protobuf message into OTLP/JSON's shape (ids in base64).

    Raises
    ------
    SourceGarbled
        Not a message of this signal.
    """
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError

    message = _message(signal)
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise SourceGarbled(fact=f"Not a protobuf message of {signal}") from error
    # A message of something else parses as one without content, or with unknown fields.
    if data and not message.ListFields():
        raise SourceGarbled(fact=f"A protobuf message without {signal}")
    return dict(MessageToDict(message))


def signal_of(name: str) -> Signal | None:
    """Tell the signal by the name of a file."""
    words = {"traces": ("trace", "span"), "metrics": ("metric",), "logs": ("log",)}
    return next((s for s in SIGNALS if any(word in name.lower() for word in words[s])), None)


def _is_framed(data: bytes) -> bool:
    """Whether lengths of four bytes lead from one to the next, the last one cut short or not."""
    at = 0
    while at + _LENGTH_BYTES <= len(data):
        size = int.from_bytes(data[at : at + _LENGTH_BYTES], "big")
        if not size:
            return False
        at += _LENGTH_BYTES + size
        if at == len(data):
            return True
    # Cut short within a message.
    return len(data) > _LENGTH_BYTES and data[0] == 0 and data[_LENGTH_BYTES] == _FIRST_TAG


def _framed(data: bytes, signal: Signal) -> Iterator[tuple[str, Any]]:
    at = number = 0
    while at < len(data):
        number += 1
        size = int.from_bytes(data[at : at + _LENGTH_BYTES], "big")
        at += _LENGTH_BYTES
        if at + size > len(data):
            yield f"message {number}", SourceGarbled("A message that is cut short")
            return
        yield f"message {number}", decoded(data[at : at + size], signal)
        at += size


def _delimited(data: bytes, signal: Signal) -> Iterator[tuple[str, Any]]:
    at = number = 0
    while at < len(data):
        number += 1
        size, at = _varint(data, at)
        if at + size > len(data):
            yield f"message {number}", SourceGarbled("A message that is cut short")
            return
        yield f"message {number}", decoded(data[at : at + size], signal)
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    size = 0
    for n in range(_LARGEST_VARINT):
        if at + n >= len(data):
            break
        size |= (data[at + n] & ~_MORE_BYTES) << (7 * n)
        if data[at + n] < _MORE_BYTES:
            return size, at + n + 1
    raise SourceGarbled(fact="Neither a protobuf message nor messages behind their lengths")


def _message(signal: Signal) -> Any:  # noqa: ANN401 - generated code has no types
    if signal == "traces":
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

        return trace_service_pb2.ExportTraceServiceRequest()
    if signal == "metrics":
        from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

        return metrics_service_pb2.ExportMetricsServiceRequest()
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

    return logs_service_pb2.ExportLogsServiceRequest()
