"""A small archive with a known story: three bundles, hostile texts, a gap, a cut file."""

from __future__ import annotations

import pandas as pd

from workbench import IncidentWindow, TimeRange
from workbench.tables import labels_text

HOSTILE = (
    "'; DROP TABLE logs; --",
    '" OR 1=1 --',
    "back\\slash",
    "100%_done",
    "{{ braces }}",
    "ÄÖÜ ß",
    "line\nbreak",
    "tab\there",
    "`tick`",
    "$1 \\1",
    "nul: \\0",
    "日本",
    "quote''quote",
)
STEP_S = 10
SAMPLES = 90
GAP = slice(30, 42)  # samples of cart/cpu that were never taken


def stamps(day: int, number: int = SAMPLES) -> pd.DatetimeIndex:
    start = pd.Timestamp("2026-01-31T12:00:00.123456789Z") + pd.Timedelta(days=day)
    return pd.date_range(start, periods=number, freq=f"{STEP_S}s").as_unit("ns")


def metrics(day: int) -> pd.DataFrame:
    parts = []
    for service, metric, scale in (
        ("cart", "cpu", 1.0),
        ("pay", "cpu", 2.0),
        ("pay", "queue", 3.0),
    ):
        for instance in ("a", "b"):
            labels = labels_text({"code": 50 if instance == "a" else 500, "instance": instance})
            values = [scale * (n % 7) for n in range(SAMPLES)]
            parts.append(
                pd.DataFrame(
                    {
                        "ts": stamps(day),
                        "metric": metric,
                        "value": values,
                        "service": service,
                        "labels": labels,
                    }
                )
            )
    parts[0] = parts[0].drop(index=range(*GAP.indices(SAMPLES)))
    parts[1] = parts[1].drop(index=range(*GAP.indices(SAMPLES)))
    frame = pd.concat(parts, ignore_index=True)
    frame.loc[frame.index[5], "value"] = float("nan")
    frame.loc[frame.index[-1], "value"] = float("inf")
    return frame


def logs(day: int) -> pd.DataFrame:
    texts = [*HOSTILE, "Card refused", "card REFUSED again", "all well"]
    numbers = [17.0] * len(HOSTILE) + [21.0, 13.0, 9.0]
    return pd.DataFrame(
        {
            "ts": stamps(day, len(texts)),
            "service": [*HOSTILE, "pay", "pay", "cart"],
            "severity_number": numbers,
            "body": texts,
            "attributes": [labels_text({"user": text}) for text in texts],
        }
    )


def changes(day: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"ts": stamps(day, 1), "kind": "deploy", "service": "pay", "ref": "pay@2", "version": "2"}
    )


def window(day: int, **more) -> IncidentWindow:
    start = stamps(day)[60]
    return IncidentWindow.from_frames(
        id=f"day-{day}",
        title=f"Refused cards on day {day}",
        metrics=metrics(day),
        logs=logs(day),
        when=TimeRange(start, start + pd.Timedelta(minutes=5)),
        **more,
    )


def write(root):
    """Three bundles, the last of them with changes too: their tables' columns differ."""
    for day in (0, 1):
        window(day).save(root / f"day-{day}")
    window(2, changes=changes(2)).save(root / "day 2 %41 é")
    return root
