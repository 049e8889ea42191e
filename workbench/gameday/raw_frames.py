"""Raw captures read into frames: every row as recorded, nothing retouched."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.tables import labels_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["alerts", "changes", "logs", "metrics", "parse_postgres_line", "rows", "spans"]

_POSTGRES_LINE = re.compile(
    r"(?P<ts>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC \[(?P<pid>\d+)\] (?P<app>\S*) ?"
    r"(?P<level>[A-Z]+): +(?P<body>.*)"
)
_POSTGRES_SEVERITY = {
    "LOG": (9, "INFO"),
    "WARNING": (13, "WARN"),
    "ERROR": (17, "ERROR"),
    "FATAL": (21, "FATAL"),
    "PANIC": (24, "FATAL"),
}
# Stack traces name the folders of the machine that recorded them.
_LEFT_OUT = frozenset({"exception.stacktrace"})
_UNITS = {"seconds": "s", "bytes": "By"}


def rows(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines; a missing file is an empty list."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def metrics(raw: Path) -> pd.DataFrame:
    """Read samples as Prometheus scraped them: one row a sample, counters cumulative."""
    parts = [_series(each) for each in rows(raw / "metrics.ndjson")]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def spans(raw: Path) -> pd.DataFrame:
    """Spans as the receiver got them; the service's version is among the attributes."""
    spans = rows(raw / "spans.ndjson")
    frame = pd.DataFrame(spans).drop_duplicates(["trace_id", "span_id", "service", "kind"])
    attributes = [
        labels_text({**row["attributes"], "service.version": row["version"]})
        for row in frame[["attributes", "version"]].to_dict("records")
    ]
    return pd.DataFrame(
        {
            "ts": pd.to_datetime(frame["start_ns"], unit="ns", utc=True),
            "duration_s": (frame["end_ns"] - frame["start_ns"]) / 1e9,
            **{name: frame[name] for name in ("trace_id", "span_id", "parent_span_id")},
            **{name: frame[name] for name in ("service", "name", "kind", "status")},
            "attributes": attributes,
            "links": [json.dumps(links) if links else "" for links in frame["links"]],
        }
    )


def logs(raw: Path) -> pd.DataFrame:
    """Log records of the services, and PostgreSQL's own log."""
    records = [_log_row(row) for row in rows(raw / "logs.ndjson")]
    return pd.DataFrame(records + list(_postgres_rows(raw / "postgresql.out")))


def alerts(raw: Path) -> pd.DataFrame:
    """Alerts as Alertmanager told of them: one row an alert and start."""
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for notice in rows(raw / "notifications.ndjson"):
        for alert in notice["alerts"]:
            key = (alert["fingerprint"], alert["startsAt"])
            if key not in known or alert["status"] == "resolved":
                known[key] = alert
    return pd.DataFrame([_alert_row(alert) for alert in known.values()])


def changes(raw: Path) -> pd.DataFrame:
    """Change events as the shop recorded them."""
    return pd.DataFrame(
        [
            {
                "ts": _moment(row["ts"]),
                "kind": row["kind"],
                "service": row["service"],
                "ref": row["ref"],
                "end_ts": _moment(row["end_ts"]),
                "version": row["version"],
                "actor": row["actor"],
                "environment": "gameday",
            }
            for row in rows(raw / "changes.ndjson")
        ]
    )


def parse_postgres_line(line: str) -> dict[str, Any] | None:
    """Read one line of PostgreSQL's log; None for a continuation or foreign line."""
    match = _POSTGRES_LINE.match(line)
    if match is None:
        return None
    number, text = _POSTGRES_SEVERITY.get(match["level"], (9, match["level"]))
    attributes = {"process.pid": int(match["pid"]), "client.application": match["app"]}
    return {
        "ts": pd.Timestamp(match["ts"], tz="UTC"),
        "service": "postgresql",
        "severity_number": number,
        "severity_text": text,
        "body": match["body"],
        "attributes": labels_text({k: v for k, v in attributes.items() if v}),
        "trace_id": "",
        "span_id": "",
    }


def _series(each: dict[str, Any]) -> pd.DataFrame:
    labels = dict(each["metric"])
    metric, service = labels.pop("__name__"), labels.pop("service")
    limit = labels.pop("le", None)
    stamps, values = zip(*each["values"], strict=True)
    kind = _kind(metric)
    return pd.DataFrame(
        {
            # Prometheus keeps milliseconds; the float in its JSON holds no more.
            "ts": pd.to_datetime([round(s * 1000) for s in stamps], unit="ms", utc=True),
            "metric": metric,
            "value": [float(v) for v in values],
            "service": service,
            "labels": labels_text(labels),
            "unit": _unit(metric),
            "kind": kind,
            "temporality": "" if kind == "gauge" else "cumulative",
            "le": float("nan") if limit is None else float(limit),
        }
    )


def _kind(metric: str) -> str:
    if metric.endswith("_total"):
        return "counter"
    histogram = "_duration_seconds_" in metric
    return "histogram" if histogram else "gauge"


def _unit(metric: str) -> str:
    if metric.endswith(("_count", "_bucket")):
        return "1"
    words = metric.split("_")
    return next((unit for word, unit in _UNITS.items() if word in words), "1")


def _log_row(row: dict[str, Any]) -> dict[str, Any]:
    attributes = {k: v for k, v in row["attributes"].items() if k not in _LEFT_OUT}
    return {
        "ts": pd.Timestamp(row["time_ns"], unit="ns", tz="UTC"),
        "service": row["service"],
        "severity_number": row["severity_number"],
        "severity_text": row["severity_text"],
        "body": row["body"],
        "attributes": labels_text({**attributes, "service.version": row["version"]}),
        "trace_id": row["trace_id"],
        "span_id": row["span_id"],
    }


def _postgres_rows(path: Path) -> Iterator[dict[str, Any]]:
    current: dict[str, Any] | None = None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        parsed = parse_postgres_line(line)
        if parsed is None:
            if current is not None:
                # DETAIL goes on over several lines, indented with a tab.
                current["body"] += " " + line.strip()
            continue
        if current is not None:
            yield current
        current = parsed
    if current is not None:
        yield current


def _alert_row(alert: dict[str, Any]) -> dict[str, Any]:
    labels = dict(alert["labels"])
    resolved = alert["status"] == "resolved"
    return {
        "starts_at": pd.Timestamp(alert["startsAt"]),
        "ends_at": pd.Timestamp(alert["endsAt"]) if resolved else pd.NaT,
        "name": labels["alertname"],
        "service": labels.get("service", ""),
        "severity": labels["severity"],
        "status": alert["status"],
        "fingerprint": alert["fingerprint"],
        "source": "alertmanager",
        "labels": labels_text(labels),
    }


def _moment(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(round(seconds * 1e9), unit="ns", tz="UTC")
