"""Entities of a Backstage catalog, and the calls they declare.

References
----------
Backstage, "Descriptor format of catalog entities": entity references are
``[kind:][namespace/]name``; relations of entities read from the API repeat the spec.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.connectors.reading.rows import json_of, list_at, mapping_at, text_of
from workbench.connectors.reading.yaml_nodes import yaml_documents
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Edge", "Entity", "edges_of", "entities_of"]

_MOST_NODES = 100_000  # values of one document that are searched for placeholders
_KINDS = {"component", "resource", "api", "system", "domain", "group", "user", "location"}
_KIND = re.compile(r"[a-z][a-z0-9]*")
_REFERENCE = re.compile(r"(?:([^:/\s]+):)?(?:([^:/\s]+)/)?([^:/\s]+)")
_PLACEHOLDERS = {"$text", "$json", "$yaml"}
_CALL_KINDS = {
    "openapi": "http",
    "graphql": "http",
    "grpc": "rpc",
    "trpc": "rpc",
    "asyncapi": "messaging",
    "database": "db",
    "cache": "db",
    "queue": "messaging",
    "topic": "messaging",
}
_RELATIONS = {
    "dependsOn": "dependsOn",
    "dependencyOf": "dependencyOf",
    "consumesApi": "consumesApis",
    "providesApi": "providesApis",
}


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity, as declared.

    Parameters
    ----------
    kind, namespace, name
        Its reference, in lower case but for the name.
    type, lifecycle, owner, system
        As its spec says; the owner's reference in full (``group:default/team-a``).
    annotations
        Text by key: ``backstage.io/kubernetes-id``, ``pagerduty.com/service-id``.
    links
        Title (or address) and address of runbooks and dashboards. Nothing is opened.
    references
        References in full by field: ``dependsOn``, ``dependencyOf``, ``consumesApis``,
        ``providesApis``.
    """

    kind: str
    namespace: str
    name: str
    type: str
    lifecycle: str
    owner: str
    system: str
    annotations: Mapping[str, str]
    links: tuple[tuple[str, str], ...]
    references: Mapping[str, tuple[str, ...]]

    @property
    def ref(self) -> str:
        """The reference in full; references compare without regard to case."""
        return f"{self.kind}:{self.namespace}/{self.name}".lower()


@dataclass(frozen=True, slots=True)
class Edge:
    """A declared call, caller → callee, as references; `said` is the field that declares it."""

    src: str
    dst: str
    kind: str
    said: str


def entities_of(data: bytes, notes: list[str]) -> Iterator[tuple[str, Entity | SourceGarbled]]:
    """Read the entities of a file: YAML documents, or JSON as the catalog's API gives it.

    Parameters
    ----------
    data
        The file.
    notes
        Gets what is odd: placeholders that are not followed, locations that are not fetched.

    Yields
    ------
    tuple
        Place and entity, or the error of a document that is none.
    """
    for place, record in _records(data):
        if isinstance(record, SourceGarbled):
            yield place, record
            continue
        if isinstance(record, dict) and not {"apiVersion", "kind"} <= set(record):
            yield place, SourceGarbled("Not a catalog entity", value=sorted(map(str, record))[:8])
            continue
        if _placeholders(record):
            notes.append(f"{place}: placeholders ($text, $json, $yaml) are not followed")
        try:
            yield place, _entity(record)
        except SourceGarbled as error:
            yield place, error
        if text_of(mapping_at(record).get("kind")).lower() == "location":
            notes.append(f"{place}: what a Location points to is not fetched")


def edges_of(entities: Sequence[Entity], notes: list[str]) -> list[Edge]:
    """List the calls that entities declare: dependencies, and APIs through who provides them."""
    known = {entity.ref: entity for entity in entities}
    providers: dict[str, list[str]] = {}
    for entity in entities:
        for api in entity.references.get("providesApis", ()):
            providers.setdefault(api, []).append(entity.ref)
    edges: dict[tuple[str, str], Edge] = {}
    for entity in entities:
        found = [*_dependencies(entity, known), *_consumed(entity, known, providers, notes)]
        for edge in found:
            if edge.src != edge.dst:
                edges.setdefault((edge.src, edge.dst), edge)
    return list(edges.values())


def _records(data: bytes) -> Iterator[tuple[str, Any]]:
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in {b"[", b"{"}:
        try:
            for line, document in yaml_documents(data):
                yield f"line {line}", document
        except SourceGarbled as error:  # documents before it stand
            yield "the rest", error
        return
    read = json_of(data)
    listed = list_at(read, "items") if isinstance(read, dict) and "items" in read else read
    for n, record in enumerate(listed if isinstance(listed, list) else [listed], start=1):
        yield f"item {n}", record


def _entity(record: object) -> Entity:
    metadata, spec = mapping_at(record, "metadata"), mapping_at(record, "spec")
    kind = text_of(mapping_at(record).get("kind")).lower()
    name = text_of(metadata.get("name"))
    # Kinds are extensible, and Template is Backstage's own: any of a group and version may stand
    # in a catalog, and is left alone where it declares no calls.
    own = "/" in text_of(mapping_at(record).get("apiVersion")) and _KIND.fullmatch(kind)
    if not (kind in _KINDS or own) or not _REFERENCE.fullmatch(name):
        raise SourceGarbled(fact="Not a catalog entity", value=f"{kind}:{name}")
    space = text_of(metadata.get("namespace")) or "default"
    return Entity(
        kind=kind,
        namespace=space.lower(),
        name=name,
        type=text_of(spec.get("type")),
        lifecycle=text_of(spec.get("lifecycle")),
        owner=_full(text_of(spec.get("owner")), "group", space),
        system=_full(text_of(spec.get("system")), "system", space),
        annotations={
            text_of(key): text_of(value)
            for key, value in mapping_at(metadata, "annotations").items()
        },
        links=tuple(
            (
                text_of(mapping_at(one).get("title") or mapping_at(one).get("url")),
                text_of(mapping_at(one).get("url")),
            )
            for one in list_at(metadata, "links")
        ),
        references=_references(record, spec, space),
    )


def _references(record: object, spec: dict[str, Any], space: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {
        field: [text_of(one) for one in list_at(spec, field)] for field in _RELATIONS.values()
    }
    for relation in list_at(record, "relations"):
        field = _RELATIONS.get(text_of(mapping_at(relation).get("type")))
        if field:
            found[field].append(text_of(mapping_at(relation).get("targetRef")))
    default = {"consumesApis": "api", "providesApis": "api"}
    return {
        field: tuple(
            dict.fromkeys(
                full for one in refs if (full := _full(one, default.get(field, "component"), space))
            )
        )
        for field, refs in found.items()
    }


def _full(reference: str, kind: str, namespace: str) -> str:
    """Write a reference in full and in lower case; one that is none is empty."""
    match = _REFERENCE.fullmatch(reference.strip())
    if not match:
        return ""
    return f"{match[1] or kind}:{match[2] or namespace}/{match[3]}".lower()


def _dependencies(entity: Entity, known: Mapping[str, Entity]) -> Iterator[Edge]:
    calls = {"component", "resource", "api"}
    for dst in entity.references.get("dependsOn", ()):
        if dst.split(":")[0] in calls:
            yield Edge(entity.ref, dst, _kind_of(known.get(dst)), "dependsOn")
    for src in entity.references.get("dependencyOf", ()):
        if src.split(":")[0] in calls:
            yield Edge(src, entity.ref, _kind_of(entity), "dependencyOf")


def _consumed(
    entity: Entity,
    known: Mapping[str, Entity],
    providers: Mapping[str, list[str]],
    notes: list[str],
) -> Iterator[Edge]:
    for api in entity.references.get("consumesApis", ()):
        kind = _kind_of(known.get(api)) or "http"
        if api not in providers:
            notes.append(f"{api}: consumed by {entity.name}, provided by nobody known")
        for dst in providers.get(api, ()):
            yield Edge(entity.ref, dst, kind, "consumesApis")


def _kind_of(entity: Entity | None) -> str:
    return _CALL_KINDS.get(entity.type.lower(), "") if entity else ""


def _placeholders(record: object) -> bool:
    waiting, seen = [record], 0
    while waiting and seen < _MOST_NODES:
        seen += 1
        one = waiting.pop()
        if isinstance(one, dict):
            if _PLACEHOLDERS & set(one):
                return True
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False
