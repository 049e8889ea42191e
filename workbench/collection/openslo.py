"""OpenSLO v1 documents → SLOs (github.com/OpenSLO/OpenSLO, "SLO" and "SLI").

An objective is read right or refused with its file, line and name: one on something else would
say of every incident that it broke, or kept, what nobody promised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from workbench import bounded_yaml
from workbench.collection.indicators import measured_by
from workbench.errors import BadInput
from workbench.slis import SLO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["read_openslo", "read_openslos"]

_DAYS = {"m": 1 / 1440, "h": 1 / 24, "d": 1, "w": 7, "M": 30, "Q": 90, "Y": 365}
_DURATION = re.compile(r"(\d+)([mhdwMQY])")
_VERSION = "openslo/v1"


@dataclass(frozen=True, slots=True)
class _Document:
    """One object of a file, and where it stands."""

    values: dict[str, Any]
    place: str

    @property
    def kind(self) -> str:
        return str(self.values.get("kind", ""))

    @property
    def name(self) -> str:
        metadata = self.values.get("metadata")
        return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""

    @property
    def spec(self) -> dict[str, Any]:
        spec = self.values.get("spec")
        if not isinstance(spec, dict):
            raise self.refused(fact=f"An {self.kind} without a spec")
        return spec

    def refused(self, fact: str, hint: str = "") -> BadInput:
        """Make the error that says where and of what name."""
        return BadInput(fact=fact, value=f"{self.place}: {self.name}", hint=hint)


def read_openslos(paths: Sequence[Path]) -> tuple[SLO, ...]:
    """Read the SLOs of several files; an SLI may stand in another file than its SLO.

    Raises
    ------
    BadInput
        As `read_openslo`.
    """
    documents = [one for path in paths for one in _documents(path)]
    shared = {one.name: one.spec for one in documents if one.kind == "SLI"}
    return tuple(slo for one in documents if one.kind == "SLO" for slo in _slos(one, shared))


def read_openslo(path: Path) -> tuple[SLO, ...]:
    """Read the SLOs of a file of OpenSLO documents; other kinds are left alone.

    What an indicator measures is read from its metric: see
    `workbench.collection.indicators.measured_by`.

    Raises
    ------
    BadInput
        Not YAML, no OpenSLO document, or an SLO that says what cannot be meant or read: no
        service, no indicator, a metric that is neither a latency nor failures, both or neither
        of target and targetPercent, not exactly one time window.
    """
    return read_openslos([path])


def _documents(path: Path) -> list[_Document]:
    try:
        objects = list(_objects(_text(path)))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(fact="OpenSLO documents that cannot be read", value=str(path)) from error
    found = []
    for line, value in objects:
        if not isinstance(value, dict):
            fact = "An OpenSLO document that is no mapping"
            raise BadInput(fact, value=f"{path}:{line}", hint=f"It is {type(value).__name__}")
        document = _Document(value, f"{path}:{line}")
        if str(value.get("apiVersion", "")).startswith(_VERSION):
            found.append(document)
        elif document.kind == "SLO":
            version = str(value.get("apiVersion", "none"))
            raise document.refused(
                fact=f"An SLO of another format ({version})", hint=f"{_VERSION} is read"
            )
    if not found and objects:
        raise BadInput(fact="No OpenSLO document", value=str(path), hint=f"{_VERSION} is read")
    return found


def _text(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as stream:
        return stream.read(bounded_yaml.MOST_CHARACTERS + 1)


def _objects(text: str) -> Iterator[tuple[int, Any]]:
    """Yield objects with their lines: of documents, of lists of objects, of ``kind: List``."""
    for node, value in bounded_yaml.documents(text):
        if node is not None and value is not None:
            yield from _unlisted(node, value)


def _unlisted(node: yaml.Node, value: Any) -> Iterator[tuple[int, Any]]:  # noqa: ANN401
    items = value
    if isinstance(value, dict) and str(value.get("kind", "")).endswith("List"):
        items = value.get("items", [])
        node = next((v for k, v in node.value if k.value == "items"), node)
    if not isinstance(items, list) or not isinstance(node, yaml.SequenceNode):
        yield node.start_mark.line + 1, value
        return
    for inner, one in zip(node.value, items, strict=True):
        yield from _unlisted(inner, one)


def _slos(document: _Document, shared: Mapping[str, dict[str, Any]]) -> Iterator[SLO]:
    spec, name = document.spec, document.name
    service, objectives = spec.get("service"), spec.get("objectives")
    if not name or not isinstance(service, str) or not service:
        raise document.refused(fact="An SLO needs a name and a service")
    if not isinstance(objectives, list) or not objectives:
        raise document.refused(fact="An SLO needs objectives, a list")
    days = _days(spec.get("timeWindow"), document)
    for number, one in enumerate(objectives):
        if not isinstance(one, dict):
            raise document.refused(fact="An objective that is no mapping")
        of = one if {"indicator", "indicatorRef"} & set(one) else spec
        indicator = _indicator(of, document, shared)
        label = name if len(objectives) == 1 else f"{name}-{one.get('displayName', number + 1)}"
        words = f"{name} {one.get('displayName', '')} {spec.get('description', '')}"
        try:
            signal, threshold = measured_by(indicator, one, words)
            yield SLO(label, service, signal, _target(one, document), threshold, days)
        except BadInput as error:
            if error.value is not None and str(error.value).startswith(document.place):
                raise
            said = error.fact if error.value is None else f"{error.fact} ({error.value})"
            raise document.refused(said, error.hint) from error


def _indicator(
    spec: Mapping[str, Any], document: _Document, shared: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the spec of the indicator that stands in an SLO, or of the SLI it refers to."""
    own, reference = spec.get("indicator"), spec.get("indicatorRef")
    if (own is None) == (reference is None):
        raise document.refused(fact="An SLO needs an indicator or an indicatorRef, and not both")
    if own is not None and not isinstance(own, dict):
        raise document.refused(
            fact="An indicator that is no mapping", hint="A name goes to indicatorRef"
        )
    if own is not None:
        inner = own.get("spec")
        if not isinstance(inner, dict) or not inner:
            raise document.refused(fact="An indicator without a spec")
        return inner
    if not isinstance(reference, str) or reference not in shared:
        hint = f"SLIs: {', '.join(sorted(shared)) or 'none'}"
        raise document.refused(
            fact=f"An indicatorRef to no SLI of these files ({reference!r})", hint=hint
        )
    return shared[reference]


def _target(objective: Mapping[str, Any], document: _Document) -> float:
    told = [key for key in ("target", "targetPercent") if key in objective]
    if len(told) != 1:
        raise document.refused(fact="An objective needs target or targetPercent, and not both")
    try:
        value = float(objective[told[0]])
    except (TypeError, ValueError) as error:
        raise document.refused(fact="A target that is not a number") from error
    return value / 100 if told[0] == "targetPercent" else value


def _days(windows: object, document: _Document) -> float:
    if not isinstance(windows, list) or len(windows) != 1 or not isinstance(windows[0], dict):
        raise document.refused(fact="An SLO needs exactly one timeWindow, in a list")
    match = _DURATION.fullmatch(str(windows[0].get("duration", "")))
    if match is None:
        raise document.refused(fact="A time window whose length cannot be read", hint="e.g. 30d")
    return int(match[1]) * _DAYS[match[2]]
