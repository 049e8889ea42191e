"""OTLP files, as a collector's file exporter or our own receiver writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pandas as pd
import pydantic

from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings
from workbench.connectors.reading.otlp_shape import export_request
from workbench.connectors.reading.otlp_spans import log_rows, span_rows
from workbench.connectors.reading.rows import Parsed, summarize_rejected
from workbench.connectors.reading.spans import odd_spans, without_doubles
from workbench.connectors.sources.otlp.metrics import MetricPoints
from workbench.connectors.sources.otlp.payload import documents, is_json, signal_of
from workbench.connectors.sources.otlp.writers import said_of
from workbench.errors import SourceGarbled
from workbench.tables import empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.connectors.reading.files import RawFile
    from workbench.times import TimeRange

__all__ = ["Otlp", "OtlpSettings"]

_SIGNALS: dict[str, Any] = {"spans": "traces", "metrics": "metrics", "logs": "logs"}
_ROWS = {"metrics": "metric sample(s)", "logs": "log record(s)"}
_READ = {"spans": span_rows, "logs": log_rows}


class OtlpSettings(FilesSettings):
    """Settings of OTLP files.

    Parameters
    ----------
    signal
        What protobuf files hold; ``auto`` goes by their names. JSON says so itself.
    """

    signal: Literal["auto", "traces", "metrics", "logs"] = pydantic.Field(
        default="auto", description="what protobuf files hold"
    )


class Otlp(FileSource):
    """Spans, metrics and logs of OTLP files: JSON lines or protobuf, gzip or plain."""

    kind: ClassVar[str] = "otlp"
    tables: ClassVar[tuple[str, ...]] = ("spans", "metrics", "logs")
    told_apart: ClassVar[bool] = True

    settings: OtlpSettings

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the records of one table in one file, whatever else it holds."""
        said = self.settings.signal
        signal = signal_of(file.name) if said == "auto" else said
        if not is_json(file.data) and signal is not None and signal != _SIGNALS[table]:
            return Parsed(_nothing(table))  # protobuf of another signal
        refused: list[str] = []
        found: list[Any] = []
        for place, document in documents(file.data, signal=signal):
            if isinstance(document, SourceGarbled):
                refused.append(f"{file.name} {place}: {document}")
                continue
            # A JSON array holds requests too.
            for request in document if isinstance(document, list) else [document]:
                try:
                    found.append(export_request(request))
                except SourceGarbled as error:
                    refused.append(f"{file.name} {place}: {error}")
        if refused and not found:
            raise SourceGarbled(fact="Nothing in it is OTLP", value=refused[0])
        frame, lacks, notes = _rows(table, found)
        refused += [f"{file.name} {one}" for one in lacks]
        return Parsed(frame, summarize_rejected(refused), notes)

    def join(self, table: str, parts: Sequence[Parsed], when: TimeRange) -> Sequence[Parsed]:
        """Tell doubles and odd spans across files: a trace is spread over several."""
        frames = [part.frame for part in parts if len(part.frame)]
        problems: list[str] = []
        notes: list[str] = []
        frame = empty(table)
        if table == "metrics":
            points = MetricPoints.of(frames)
            frame = points.frame()
            problems, notes = said_of(points.odd)
        elif frames:
            frame = pd.concat(frames, ignore_index=True)
            if table == "spans":
                frame, notes = without_doubles(frame)
                notes += odd_spans(frame)
            else:
                again = frame.astype("str").duplicated()
                notes += [f"{int(again.sum()):,} duplicated row(s) dropped"] if again.any() else []
                frame = frame[~again].reset_index(drop=True)
        if table != "spans":
            lacks = when.mask(frame["ts"]) & (frame["service"].astype("object") == "")
            notes += [f"{int(lacks.sum()):,} {_ROWS[table]} without service.name"] * bool(
                lacks.any()
            )
        rest = [Parsed(empty(table), part.problems, part.notes) for part in parts]
        return [Parsed(frame, tuple(problems), tuple(notes)), *rest]


def _nothing(table: str) -> pd.DataFrame:
    return MetricPoints().records() if table == "metrics" else empty(table)


def _rows(table: str, found: list[Any]) -> tuple[pd.DataFrame, list[str], tuple[str, ...]]:
    if table == "metrics":
        points = MetricPoints()
        for document in found:
            points.add(document)
        return points.records(), points.refused, points.notes()
    read = [_READ[table](document) for document in found]
    frames = [frame for frame, _ in read if len(frame)]
    frame = pd.concat(frames, ignore_index=True) if frames else empty(table)
    return frame, [one for _, lacks in read for one in lacks], ()
