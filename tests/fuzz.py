"""Coverage-guided fuzzing of a parser or archive reader, on demand: ``make fuzz``.

``python -m tests.fuzz NAME SECONDS``; only named errors may leave a parser. Needs the fuzz extra.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

with atheris.instrument_imports(include=["workbench"]):
    from workbench import archive
    from workbench.connectors.reading.prometheus_answer import read_answer
    from workbench.connectors.sources.alertmanager.payload import api_alerts
    from workbench.connectors.sources.argocd.payload import application_rows
    from workbench.connectors.sources.loki.payload import lines_of
    from workbench.connectors.sources.otlp.payload import documents
    from workbench.connectors.sources.prometheus.payload import read_samples
    from workbench.connectors.sources.zipkin import zipkin_rows
    from workbench.errors import WorkbenchError
    from workbench.masking import Masker, Pseudonyms

if TYPE_CHECKING:
    from collections.abc import Callable

_KEYS = [
    "status",
    "data",
    "result",
    "resultType",
    "metric",
    "values",
    "value",
    "labels",
    "tags",
    "annotations",
    "startsAt",
    "endsAt",
    "fingerprint",
    "metadata",
    "name",
    "spec",
    "history",
    "id",
    "revision",
    "deployedAt",
    "operationState",
    "phase",
    "items",
    "traceId",
    "spanId",
    "parentId",
    "timestamp",
    "duration",
    "kind",
    "localEndpoint",
    "serviceName",
    "stream",
    "error",
]
_TEXTS = [
    "success",
    "matrix",
    "vector",
    "streams",
    "firing",
    "2026-01-31T12:00:00Z",
    "NaN",
    "1",
    "CLIENT",
    "4bf92f3577b34da6",
    "Failed",
    "",
]
_MASK = Masker(Pseudonyms(b"a key that is for fuzzing only"))


def _unpacked(data: bytes) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        (root / "packed").write_bytes(data)
        archive.unpack(root / "packed", root / "b")
    finally:
        shutil.rmtree(root)


def _masked(data: bytes) -> None:
    once = _MASK.text(data.decode("utf-8", "surrogateescape"))
    assert _MASK.text(once) == once


def _json(data: bytes) -> object:
    """Any JSON, made of the keys and texts that payloads have: bytes alone seldom are JSON."""
    source = atheris.FuzzedDataProvider(data)

    def value(depth: int) -> object:
        kind = source.ConsumeIntInRange(0, 6 if depth < 6 else 4)
        if kind == 5:
            return [value(depth + 1) for _ in range(source.ConsumeIntInRange(0, 4))]
        if kind == 6:
            return {
                source.PickValueInList(_KEYS): value(depth + 1)
                for _ in range(source.ConsumeIntInRange(0, 5))
            }
        makers: list[Callable[[], object]] = [
            lambda: source.PickValueInList(_TEXTS),
            lambda: source.ConsumeUnicode(8),
            lambda: source.ConsumeInt(8),
            source.ConsumeFloat,
            lambda: source.PickValueInList([None, True, False]),
        ]
        return makers[kind]()

    return value(0)


TARGETS: dict[str, Callable[[bytes], object]] = {
    "prometheus": lambda data: read_samples(read_answer(_json(data))[0]),
    "alertmanager": lambda data: api_alerts(_json(data), "x", ("service",)),
    "argocd": lambda data: list(application_rows(_json(data), "app")),
    "zipkin": lambda data: zipkin_rows(_json(data)),
    "loki": lambda data: list(lines_of(_json(data))),
    "otlp": lambda data: list(documents(data)),
    "archive": _unpacked,
    "masking": _masked,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("name", choices=sorted(TARGETS))
    parser.add_argument("seconds", type=int, nargs="?", default=600)
    asked = parser.parse_args()

    def once(data: bytes) -> None:
        try:
            TARGETS[asked.name](data)
        except WorkbenchError:
            return

    limits = [f"-max_total_time={asked.seconds}", "-rss_limit_mb=1024", "-timeout=5"]
    atheris.Setup([sys.argv[0], *limits], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
