"""The envelope of an answer of the Prometheus API, which Loki writes too."""

from __future__ import annotations

from typing import Any

from workbench.connectors.reading.rows import text_of
from workbench.errors import SourceGarbled, SourceRefused

__all__ = ["read_answer"]

_STATUSES = ("success", "error")


def read_answer(payload: object) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    """Open the envelope of an answer.

    Returns
    -------
    tuple
        ``data``, the warnings (what came may be partial; an error beside data is one) and the
        remarks.

    Raises
    ------
    SourceRefused
        ``status: error``, whatever the HTTP status was.
    SourceGarbled
        Not an answer of this API.
    """
    if not isinstance(payload, dict) or payload.get("status") not in _STATUSES:
        raise SourceGarbled(fact="Not an answer of the Prometheus API", value=str(payload)[:100])
    if payload["status"] == "error":
        said = f"{text_of(payload.get('errorType'))}: {text_of(payload.get('error'))}"
        raise SourceRefused(fact="Prometheus could not answer", value=said, payload=payload)
    if "data" not in payload:
        raise SourceGarbled(fact="An answer of the Prometheus API without data")
    warnings = [*_texts(payload.get("warnings")), *_texts(payload.get("error"))]
    return payload["data"], tuple(warnings), _texts(payload.get("infos"))


def _texts(values: object) -> tuple[str, ...]:
    """Read remarks however a server writes them; one that is no list is a remark too."""
    items = values if isinstance(values, list) else [values]
    return tuple(text for text in map(text_of, items) if text)
