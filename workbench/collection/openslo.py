"""OpenSLO v1 documents → SLOs (github.com/OpenSLO/OpenSLO, "SLO" and "SLI")."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from workbench import bounded_yaml
from workbench.errors import BadInput
from workbench.slis import SLO

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_openslo"]

_DAYS = {"m": 1 / 1440, "h": 1 / 24, "d": 1, "w": 7, "M": 30, "Q": 90, "Y": 365}
_DURATION = re.compile(r"(\d+)([mhdwMQY])")


def read_openslo(path: Path) -> tuple[SLO, ...]:
    """Read the SLOs of a file of OpenSLO documents; other kinds are left alone.

    A ratio of good or bad events is an objective on errors, a threshold one on latency.

    Raises
    ------
    BadInput
        Not YAML, or an SLO that says what cannot be meant: no service, both or neither of
        target and targetPercent, not exactly one time window.
    """
    try:
        documents = [value for _, value in bounded_yaml.documents(_text(path))]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(fact="OpenSLO documents that cannot be read", value=str(path)) from error
    found: list[SLO] = []
    shared = {_name(d): d.get("spec", {}) for d in documents if _is(d, "SLI")}
    for document in documents:
        if _is(document, "SLO"):
            found += _slos(document, shared, str(path))
    return tuple(found)


def _text(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as stream:
        return stream.read(bounded_yaml.MOST_CHARACTERS + 1)


def _is(document: object, kind: str) -> bool:
    return (
        isinstance(document, dict)
        and str(document.get("apiVersion", "")).startswith("openslo/v1")
        and document.get("kind") == kind
        and isinstance(document.get("spec", {}), dict)
    )


def _name(document: dict[str, Any]) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""


def _slos(document: dict[str, Any], shared: dict[str, Any], path: str) -> list[SLO]:
    name, spec = _name(document), document["spec"]
    service, objectives = spec.get("service"), spec.get("objectives") or []
    if not name or not service or not isinstance(objectives, list) or not objectives:
        raise BadInput(
            fact="An SLO needs a name, a service and objectives", value=f"{path}: {name}"
        )
    indicator = (spec.get("indicator") or {}).get("spec") or shared.get(spec.get("indicatorRef"))
    latency = isinstance(indicator, dict) and "thresholdMetric" in indicator
    days = _days(spec.get("timeWindow"), f"{path}: {name}")
    made = []
    for number, one in enumerate(objectives):
        label = name if len(objectives) == 1 else f"{name}-{one.get('displayName', number + 1)}"
        threshold = float(one["value"]) if latency and "value" in one else None
        signal = "latency" if threshold is not None else "errors"
        made.append(
            SLO(label, str(service), signal, _target(one, f"{path}: {name}"), threshold, days)  # type: ignore[arg-type]
        )
    return made


def _target(objective: dict[str, Any], place: str) -> float:
    told = [key for key in ("target", "targetPercent") if key in objective]
    if len(told) != 1:
        raise BadInput(fact="An objective needs target or targetPercent, and not both", value=place)
    try:
        value = float(objective[told[0]])
    except (TypeError, ValueError) as error:
        raise BadInput(fact="A target that is not a number", value=place) from error
    return value / 100 if told[0] == "targetPercent" else value


def _days(windows: object, place: str) -> float:
    if not isinstance(windows, list) or len(windows) != 1 or not isinstance(windows[0], dict):
        raise BadInput(fact="An SLO needs exactly one timeWindow", value=place)
    match = _DURATION.fullmatch(str(windows[0].get("duration", "")))
    if match is None:
        raise BadInput(
            fact="A time window whose length cannot be read", value=place, hint="e.g. 30d"
        )
    return int(match[1]) * _DAYS[match[2]]
