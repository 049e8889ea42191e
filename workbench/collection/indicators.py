"""What an OpenSLO indicator measures: a latency with its threshold, failures, or neither.

OpenSLO does not say it: an indicator is a query. It is read from the query's own words, and from
how it compares; what names something else is refused.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.slis import Signal

__all__ = ["measured_by"]

_TIME = re.compile(
    r"latenc|durat|response.?time|elapsed|delay|\bslow|\bfast|_seconds|_ms\b|milli|"
    r"histogram_quantile|percentile|(?<![a-z])p(?:50|75|90|95|99)|time.?taken|timer",
    re.IGNORECASE,
)
_FAILURES = re.compile(
    r"error|err\b|fail|success|status|(?<![a-z])code|[2345]xx|[2345]\.\.|exception|outcome|"
    r"result|good|(?<![a-z])bad|valid|(?<![a-z])ok(?![a-z])|healthy|availab|reject|reason",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"probe_success|availab|uptime|(?<![a-z])up(?![a-z])|cpu|memory|(?<![a-z])mem(?![a-z])|disk|"
    r"queue|(?<![a-z])lag(?![a-z])|backlog|saturat|utili[sz]|usage|throughput|bytes|connection|"
    r"fresh|stale|restart|error|fail|success|ratio|replica|cost|score",
    re.IGNORECASE,
)
_BOUND = re.compile(r"\ble\s*=~?\s*[\"'](\d+(?:\.\d+)?(?:e[-+]?\d+)?)[\"']", re.IGNORECASE)
_COMPARED = re.compile(
    r"(?:latenc\w*|durat\w*|response_?time\w*|elapsed\w*)[\w.:'\"\])}]*\s*(?:<=?|lte?:?)\s*"
    r"(\d+(?:\.\d+)?)\s*(ms|s|m)?(?![\w.])",
    re.IGNORECASE,
)
_MILLISECONDS = re.compile(
    r"(?:_|\b|\.)(?:ms|msecs?|millis(?:econds?)?)(?:_bucket|_sum|_count)?\b|milliseconds?",
    re.IGNORECASE,
)
_SECONDS = re.compile(r"(?:_|\b|\.)(?:s|secs?|seconds?)(?:_bucket|_sum|_count)?\b", re.IGNORECASE)
_IN_SECONDS = re.compile(r"/\s*1000\b|/\s*1e3\b")
_FACTORS = {"ms": 1e-3, "s": 1.0, "m": 60.0}
# Without a unit: nobody promises an answer after more seconds than this, it is milliseconds.
_LONGEST_S = 60.0
_LESS, _MORE = frozenset({"lte", "lt"}), frozenset({"gte", "gt"})
_HINT = "Read are latencies (op lte, or a ratio of requests below a bound) and failures"


def measured_by(
    indicator: Mapping[str, Any], objective: Mapping[str, Any], words: str = ""
) -> tuple[Signal, float | None]:
    """Tell the signal of an indicator, and for a latency its threshold in seconds.

    A threshold with ``lte`` is a latency, unless its query names something else. A ratio whose
    good requests are those below a bucket's bound (``le``) is a latency with that threshold;
    one of good or bad requests is one of failures.

    Parameters
    ----------
    indicator
        Spec of the SLI: ``thresholdMetric`` or ``ratioMetric``.
    objective
        Has ``op`` and ``value`` where the metric is a threshold's.
    words
        What else names the objective.

    Raises
    ------
    BadInput
        Parts are missing, or the indicator measures neither.
    """
    kinds = [name for name in ("thresholdMetric", "ratioMetric") if name in indicator]
    if len(kinds) != 1:
        raise BadInput(fact="An indicator needs a thresholdMetric or a ratioMetric", hint=_HINT)
    metric = indicator[kinds[0]]
    if not isinstance(metric, dict):
        raise BadInput(fact=f"A {kinds[0]} that is no mapping")
    if kinds[0] == "thresholdMetric":
        return "latency", _threshold(_text(metric), objective, words)
    return _ratio(metric)


def _threshold(query: str, objective: Mapping[str, Any], words: str) -> float:
    op, value = objective.get("op"), objective.get("value")
    if op is None or value is None:
        raise BadInput(fact="An objective on a thresholdMetric needs op and value")
    if op in _MORE:
        fact = "An objective where more is better: no latency"
        raise BadInput(fact, value=f"op: {op}", hint=_HINT)
    if op not in _LESS:
        raise BadInput(fact="An op that OpenSLO does not have", value=op, hint="lte, lt, gte, gt")
    said = query if query else words
    if not _TIME.search(said) and (other := _OTHERS.search(said)):
        fact = "A threshold on something that is no latency"
        raise BadInput(fact, value=other[0], hint=_HINT)
    return _seconds(_number(value), query)


def _ratio(metric: Mapping[str, Any]) -> tuple[Signal, float | None]:
    if "raw" in metric:
        parts = [_text(metric["raw"])]
        if metric.get("rawType") not in {"success", "failure"}:
            raise BadInput(fact="A raw ratio needs rawType: success or failure")
    else:
        told = [name for name in ("good", "bad") if name in metric]
        if len(told) != 1 or "total" not in metric:
            fact = "A ratioMetric needs total and one of good and bad, or raw"
            raise BadInput(fact, value=sorted(map(str, metric)))
        parts = [_text(metric[told[0]])]
    (query,) = parts
    bounds = {float(bound) for bound in _BOUND.findall(query)}
    if len(bounds) > 1:
        raise BadInput(fact="A ratio of several latencies", value=sorted(bounds), hint=_HINT)
    if bounds:
        return "latency", _seconds(bounds.pop(), query)
    compared = _COMPARED.search(query)
    if compared:
        number = float(compared[1])
        unit = (compared[2] or "").lower()
        return "latency", number * _FACTORS[unit] if unit else _seconds(number, query)
    if not query or _FAILURES.search(query):
        return "errors", None
    fact = "A ratio of fast requests below no bound that can be read"
    if not _TIME.search(query):
        fact = "A ratio that is not known to be one of failures"
    raise BadInput(fact, value=query[:80], hint=_HINT)


def _text(value: object) -> str:
    """Join all texts of a metric's source: vendors put queries under keys of their own."""
    if isinstance(value, dict):
        return " ".join(_text(one) for key, one in value.items() if key not in {"type", "metadata"})
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return str(value) if isinstance(value, str | int | float) else ""


def _number(value: object) -> float:
    try:
        number = float(str(value))
    except ValueError as error:
        raise BadInput(fact="A value that is not a number", value=value) from error
    if not math.isfinite(number) or number <= 0 or isinstance(value, bool):
        raise BadInput(fact="A latency threshold that is no positive number", value=value)
    return number


def _seconds(value: float, query: str) -> float:
    """Convert a threshold to seconds, as the metric's name tells its unit."""
    if _MILLISECONDS.search(query) and not _IN_SECONDS.search(query):
        return value / 1000
    if value > _LONGEST_S and not _SECONDS.search(query):
        hint = "Name the unit in the metric (…_seconds, …_milliseconds)"
        raise BadInput(fact="A latency threshold whose unit is not known", value=value, hint=hint)
    return value
