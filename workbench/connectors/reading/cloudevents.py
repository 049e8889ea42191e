"""CloudEvents 1.0 as they are found in files: structured, batch, JSON lines, binary recordings.

A binary-mode event is HTTP: attributes in ``ce-*`` headers, data in the body. Recordings of it
are read in two forms: a JSON object with ``headers`` and ``body``, and the raw HTTP message.

References
----------
CloudEvents 1.0.2: JSON event format; HTTP and Kafka protocol bindings.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from workbench.connectors.reading.rows import json_of, json_records, text_of
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["CloudEvent", "cloud_events"]

_LENGTH_DIGITS = 11  # of a Content-Length: 100 GB; a longer number is no length
_REQUEST = re.compile(rb"(?:POST|PUT|GET) [^\r\n]{0,2000} HTTP/1\.[01]\r?\n", re.IGNORECASE)
_PREFIXES = ("ce-", "ce_")  # HTTP, Kafka


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event: its attributes as text, and its data as read from JSON.

    Parameters
    ----------
    attributes
        ``id source type time subject …`` and extensions, by name in lower case.
    data
        The payload; None where there is none or it is not JSON.
    """

    attributes: Mapping[str, str]
    data: Any


def cloud_events(data: bytes) -> Iterator[tuple[str, CloudEvent | SourceGarbled]]:
    """Read the events of a file in any of the forms above, bare CDEvents among them.

    Yields
    ------
    tuple
        Place in the file and event, or the error of a record that is none.

    Raises
    ------
    SourceGarbled
        Nothing in the file is JSON or an HTTP message.
    """
    if _REQUEST.match(data.lstrip()):
        yield from _http_messages(data.lstrip())
        return
    for place, record in json_records(data):
        many = record if isinstance(record, list) else [record]  # a batch on one line
        for n, one in enumerate(many, start=1):
            yield f"{place}, event {n}" if len(many) > 1 else place, _event(one)


def _event(record: object) -> CloudEvent | SourceGarbled:
    try:
        if isinstance(record, SourceGarbled):
            return record
        if not isinstance(record, dict):
            return SourceGarbled("Not an event", value=record)
        if isinstance(record.get("headers"), dict | list):
            return _binary(_headers(record["headers"]), record.get("body", record.get("data")))
        if "context" in record and "specversion" not in record:  # a CDEvent without envelope
            return CloudEvent({}, record)
        return _structured(record)
    except SourceGarbled as error:
        return error


def _structured(record: dict[str, Any]) -> CloudEvent:
    if "specversion" not in record or "type" not in record:
        raise SourceGarbled(
            fact="Neither a CloudEvent nor a CDEvent", value=sorted(map(str, record))
        )
    names = [name for name in record if name not in {"data", "data_base64"}]
    attributes = {str(name).lower(): text_of(record[name]) for name in names}
    if "data_base64" in record:
        return CloudEvent(attributes, _decoded(record["data_base64"]))
    found = record.get("data")
    if isinstance(found, str) and found.lstrip()[:1] in {"{", "["}:  # JSON inside a text
        found = _json_or_none(found)
    return CloudEvent(attributes, found)


def _binary(headers: Mapping[str, str], body: object) -> CloudEvent:
    names = {name.lower(): value for name, value in headers.items()}
    attributes = {
        name[3:]: unquote(value) for name, value in names.items() if name.startswith(_PREFIXES)
    }
    kind = names.get("content-type", "")
    if kind.startswith("application/cloudevents+json"):
        whole = _json_or_none(body) if isinstance(body, str | bytes) else body
        if not isinstance(whole, dict):
            raise SourceGarbled(fact="A structured CloudEvent without its JSON", value=kind)
        return _structured(whole)
    if "type" not in attributes:
        raise SourceGarbled(fact="Headers without ce-type", value=sorted(names))
    return CloudEvent(attributes, _json_or_none(body) if isinstance(body, str | bytes) else body)


def _headers(found: dict[str, Any] | list[Any]) -> dict[str, str]:
    """Read headers from a mapping, of lists of values too, or from a list of pairs."""
    pairs = list(found.items()) if isinstance(found, dict) else found
    headers: dict[str, str] = {}
    for pair in pairs:
        match pair:
            case [name, [value, *_]] | [name, value]:
                headers[text_of(name)] = text_of(value)
    return headers


def _http_messages(data: bytes) -> Iterator[tuple[str, CloudEvent | SourceGarbled]]:
    """Read raw HTTP requests one after the other; a body ends where its length says."""
    number = 0
    while data:
        number += 1
        head, gap, rest = data.replace(b"\r\n", b"\n").partition(b"\n\n")
        lines = head.decode("latin-1").split("\n")[1:]
        pairs = [line.partition(":") for line in lines if ":" in line]
        headers = {name.strip(): value.strip() for name, _, value in pairs}
        lengths = {name.lower(): value for name, value in headers.items()}
        said = lengths.get("content-length", "")
        length = (
            int(said)
            if said.isascii() and said.isdigit() and len(said) <= _LENGTH_DIGITS
            else len(rest)
        )
        body, data = rest[:length], rest[length:].lstrip()
        place = f"message {number}"
        if not gap or length > len(body):
            yield place, SourceGarbled("An HTTP message that is cut short")
            return
        try:
            yield place, _binary(headers, body)
        except SourceGarbled as error:
            yield place, error
        if data and not _REQUEST.match(data):
            yield f"message {number + 1}", SourceGarbled("Not an HTTP request", value=data[:40])
            return


def _decoded(text: object) -> Any:  # noqa: ANN401 - JSON has any type
    try:
        return _json_or_none(base64.b64decode(text_of(text), validate=True))
    except (binascii.Error, ValueError) as error:
        raise SourceGarbled(fact="data_base64 that is not base64", value=text) from error


def _json_or_none(text: str | bytes) -> Any:  # noqa: ANN401 - JSON has any type
    """Read data that is usually JSON; data of another kind holds no fact we could use."""
    try:
        return json_of(text)
    except SourceGarbled:
        return None
