"""Alerts as Alertmanager tells them: its API (v2) and the webhook messages it sends (version 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.connectors.reading.look_alikes import shape_of
from workbench.connectors.reading.rows import (
    json_text,
    list_at,
    mapping_at,
    parse_timestamp,
    text_of,
)
from workbench.connectors.reading.severities import severity_of
from workbench.errors import NaiveTimestamp, SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["api_alerts", "fingerprint_of", "first_of_each", "webhook_alerts"]

_FNV_OFFSET, _FNV_PRIME, _SEPARATOR = 0xCBF29CE484222325, 0x100000001B3, 0xFF

_COLUMNS = (
    "starts_at",
    "ends_at",
    "name",
    "service",
    "severity",
    "status",
    "fingerprint",
    "source",
    "labels",
    "silenced_by",
    "inhibited_by",
    "muted_by",
)
_STATES = {"active": "firing", "suppressed": "suppressed", "unprocessed": "pending"}


def api_alerts(
    payload: object, source: str, service_from: tuple[str, ...]
) -> tuple[pd.DataFrame, list[str]]:
    """Read the answer of ``GET /api/v2/alerts``.

    Alerts there are those it still holds: ``endsAt`` of one that fires lies in the future and
    is no end.

    Returns
    -------
    tuple
        Rows of the alerts table, and what was refused, by place.

    Raises
    ------
    SourceGarbled
        Not a list of alerts.
    """
    if not isinstance(payload, list):
        raise SourceGarbled(fact="Not a list of alerts", value=str(payload)[:100])
    rows, refused = [], []
    for place, one in enumerate(payload, start=1):
        status = mapping_at(one, "status")
        state = _STATES.get(text_of(status.get("state")), "firing")
        quiet = [
            json_text(list_at(status, name)) for name in ("silencedBy", "inhibitedBy", "mutedBy")
        ]
        try:
            rows.append((*_row(one, source, service_from, state=state, ended=False), *quiet))
        except (SourceGarbled, NaiveTimestamp) as error:
            refused.append(f"alert {place}: {error}")
    return pd.DataFrame(rows, columns=list(_COLUMNS)), refused


def webhook_alerts(
    message: object, source: str, service_from: tuple[str, ...]
) -> tuple[pd.DataFrame, list[str]]:
    """Read one message of the webhook receiver.

    Returns
    -------
    tuple
        Rows of the alerts table, and what was refused or left out by Alertmanager.

    Raises
    ------
    SourceGarbled
        Not a message of version 4.
    """
    if not isinstance(message, dict) or text_of(message.get("version")) != "4":
        raise SourceGarbled(fact="Not a webhook message of version 4", value=shape_of(message))
    rows, refused = [], []
    for place, one in enumerate(list_at(message, "alerts"), start=1):
        ended = text_of(mapping_at(one).get("status")) == "resolved"
        state = "resolved" if ended else "firing"
        try:
            row = _row(one, source, service_from, state=state, ended=ended)
        except (SourceGarbled, NaiveTimestamp) as error:
            refused.append(f"alert {place}: {error}")
        else:
            rows.append((*row, "", "", ""))
    cut = message.get("truncatedAlerts", 0)
    if cut:
        refused.append(f"Alertmanager left out {text_of(cut)} alert(s) of a message")
    return pd.DataFrame(rows, columns=list(_COLUMNS)), refused


def first_of_each(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Join what was told again: an alert is its fingerprint and start, and as last told.

    Alertmanager resolves an alert that times out while Prometheus goes on firing it, and tells
    it again with the same start: an end that was told earlier is no end then.

    Parameters
    ----------
    frame
        Rows in the order they were told.

    Returns
    -------
    tuple
        One row an alert, and how many rows repeated one.
    """
    if frame.empty:
        return frame, 0
    kept = frame.drop_duplicates(["fingerprint", "starts_at"], keep="last")
    ordered = kept.sort_values("starts_at", kind="stable", ignore_index=True)
    return ordered, len(frame) - len(kept)


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """Compute the fingerprint of an alert's labels as Prometheus does (FNV-1a of 64 bits).

    Messages may come without one; an alert is its labels (prometheus/common, ``LabelSet``).

    Examples
    --------
    >>> fingerprint_of({})
    'cbf29ce484222325'
    """
    digest = _FNV_OFFSET
    for name in sorted(labels):
        for part in (name, labels[name]):
            for byte in (*part.encode("utf-8", "backslashreplace"), _SEPARATOR):
                digest = (digest ^ byte) * _FNV_PRIME % 2**64
    return f"{digest:016x}"


def _row(
    one: object, source: str, service_from: tuple[str, ...], *, state: str, ended: bool
) -> tuple[Any, ...]:
    labels = {text_of(k): text_of(v) for k, v in mapping_at(one, "labels").items()}
    starts = parse_timestamp(mapping_at(one).get("startsAt"))
    if starts is None or not labels:
        raise SourceGarbled(fact="An alert without a start or labels", value=str(one)[:100])
    ends = parse_timestamp(mapping_at(one).get("endsAt")) if ended else None
    return (
        starts,
        ends if ends is not None else pd.NaT,
        labels.get("alertname", ""),
        _first(labels, service_from),
        severity_of(labels.get("severity", "")),
        state,
        text_of(mapping_at(one).get("fingerprint")) or fingerprint_of(labels),
        source,
        json_text(labels),
    )


def _first(labels: dict[str, str], names: Iterable[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")
