"""Log templates: what services say, and what they began, ceased or changed to say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from workbench.cards import ResultCard, table_html
from workbench.errors import BadInput
from workbench.findings import digest_of
from workbench.stats.overdispersion import dispersion_of, rate_ratio_p

if TYPE_CHECKING:
    from collections.abc import Hashable

    from drain3 import TemplateMiner

    from workbench.times import TimeRange
    from workbench.window import IncidentWindow

__all__ = ["LogTemplates", "log_templates", "mask"]

Change = Literal["new", "gone", "re-rated", "same"]

_COLUMNS = (
    "service",
    "template_id",
    "template",
    "change",
    "before",
    "during",
    "rate_ratio",
    "p_value",
    "q_value",
    "severity",
    "first_seen",
    "example",
)
_ALPHA = 0.05
_BINS = 30

# Drain's parameters are pinned: with other ones the same logs give other templates.
_DEPTH, _SIMILARITY, _MOST_CHILDREN, _MOST_TEMPLATES = 4, 0.5, 100, 2000
_LONGEST_BODY = 2000

_MASKS = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "<ID>"),
        (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?", "<TIME>"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "<IP>"),
        (r"\b0x[0-9a-fA-F]+\b", "<HEX>"),
        (r"\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}\b", "<ID>"),
        (
            r"(?<![A-Za-z0-9_<])[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?"
            r"(?=(?:ns|us|µs|ms|s|m|h|B|kB|MB|GB|KiB|MiB|GiB)?(?![A-Za-z0-9_>]))",
            "<NUM>",
        ),
    )
)

# Escape sequences of terminals (ECMA-48, "CSI" and OSC), also as text, and where the escape itself
# was lost on the way: "\x1b[32m", "\\u001b[0m", "#033[1;31m", "[32m".
_COLOURS = re.compile(
    r"(?:\x1b\[|\x9b)[0-9;?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|(?:\\x1[bB]|\\u001[bB]|\\e|\\0?33|#033|\^\[)\[[0-9;?]*[A-Za-z]"
    r"|\[\d{1,3}(?:;\d{1,3})*m(?!\])"  # not the range of a query: rate(x[5m])
)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class LogTemplates(ResultCard):
    """Templates with their counts in the baseline and in the incident.

    Parameters
    ----------
    frame
        One row a service and template, most changed first: ``service``, ``template_id``,
        ``template``, ``change`` (new, gone, re-rated, same), ``before`` and ``during``
        (records), ``rate_ratio`` (during over before, per unit of time; half a record
        added to each side), ``p_value`` (overdispersion allowed for), ``q_value``
        (Benjamini–Hochberg), ``severity`` (highest), ``first_seen``, ``example``.
    baseline, when
        The two ranges compared.
    records
        Log records in both ranges.
    """

    frame: pd.DataFrame
    baseline: TimeRange | None
    when: TimeRange
    records: int

    def to_frame(self) -> pd.DataFrame:
        """All templates, most changed first."""
        return self.frame.copy(deep=False)

    def changed(self, *kinds: Change) -> pd.DataFrame:
        """Templates of these kinds of change; without kinds, all but ``same``."""
        wanted = kinds or ("new", "gone", "re-rated")
        return self.frame[self.frame["change"].isin(wanted)].reset_index(drop=True)

    def _facts(self) -> dict[str, str]:
        counted = self.frame["change"].value_counts()
        names = ("new", "gone", "re-rated", "same")
        return {
            "records": f"{self.records:,} in {len(self.frame):,} templates",
            "incident": str(self.when),
            "baseline": str(self.baseline or "none: nothing can be called new or gone"),
            "changes": ", ".join(f"{int(counted.get(n, 0))} {n}" for n in names),
        }

    def __repr__(self) -> str:
        """Facts, then the ten most changed templates."""
        lines = [f"{name:>9}: {value}" for name, value in self._facts().items()]
        top = [
            f"{r.change:>9}: {r.service}: {r.template} ({r.before:,} → {r.during:,})"
            for r in self.changed().head(10).itertuples()
        ]
        return "\n".join(["LogTemplates", *lines, *top])

    def _headline(self) -> str:
        return "Log templates"

    def _body(self) -> str:
        shown = ["service", "template", "change", "before", "during", "rate_ratio", "q_value"]
        return table_html(self.changed()[shown])


def mask(body: str) -> str:
    """Replace what varies by kind: ids, times, addresses, numbers; colours are left out.

    Examples
    --------
    >>> mask("order 4711 from 10.0.0.7:8080 took 12.5ms")
    'order <NUM> from <IP> took <NUM>ms'
    """
    body = _COLOURS.sub("", body)
    for pattern, name in _MASKS:
        body = pattern.sub(name, body)
    return body


def log_templates(window: IncidentWindow) -> LogTemplates:
    """Mine log templates with Drain and compare the incident with the baseline.

    Parameters
    ----------
    window
        The incident window; its logs inside the baseline and the incident are read.

    Returns
    -------
    LogTemplates
        Empty where there are no logs. Without a baseline every template is ``same``.

    Raises
    ------
    BadInput
        Logs outside both ranges only.

    Notes
    -----
    Drain (He et al. 2017) with pinned parameters, records in time order, one tree a
    service. A template is *new* if the baseline has none of it, *gone* if the incident has
    none, *re-rated* if its rate changed at a false discovery rate of 5 %. The p-value
    allows for lines that come in bursts (`workbench.stats.overdispersion`): three
    lines, or a single burst, that happen to fall into the incident are new but no proof.
    """
    logs = window.logs
    inside = window.when.mask(logs["ts"])
    before = window.baseline.mask(logs["ts"]) if window.baseline else inside & False
    kept = logs[inside | before]
    if len(logs) and kept.empty:
        hint = "Move the incident or the baseline to where the logs are"
        fact = "No log lies in the incident or its baseline"
        raise BadInput(fact, value=len(logs), hint=hint)
    templates = _mined(kept)
    frame = _compared(kept.assign(template=templates), window)
    return LogTemplates(frame, window.baseline, window.when, len(kept))


def _mined(logs: pd.DataFrame) -> pd.Series:
    """Template of every record."""
    masked = {body: mask(body[:_LONGEST_BODY]) for body in logs["body"].dropna().unique()}
    texts = logs["body"].map(masked).fillna("")
    result = pd.Series("", index=logs.index, dtype="object")
    for _, part in texts.groupby(logs["service"].astype("object").fillna(""), sort=True):
        miner = _miner()
        clusters = {text: miner.add_log_message(text)["cluster_id"] for text in part.unique()}
        found = {cluster.cluster_id: cluster.get_template() for cluster in miner.drain.clusters}
        last = {text: found.get(number, text) for text, number in clusters.items()}
        result[part.index] = part.map(last)
    return result


def _miner() -> TemplateMiner:
    from drain3 import TemplateMiner
    from drain3.template_miner_config import TemplateMinerConfig

    config = TemplateMinerConfig()
    config.drain_depth = _DEPTH
    config.drain_sim_th = _SIMILARITY
    config.drain_max_children = _MOST_CHILDREN
    config.drain_max_clusters = _MOST_TEMPLATES
    config.parametrize_numeric_tokens = True
    config.profiling_enabled = False
    return TemplateMiner(config=config)


def _compared(logs: pd.DataFrame, window: IncidentWindow) -> pd.DataFrame:
    service = logs["service"].astype("object").fillna("")
    groups = logs.groupby([service, logs["template"]], sort=True)
    rows = [_row(str(s), str(t), part, window) for (s, t), part in groups]
    frame = pd.DataFrame(rows, columns=[c for c in _COLUMNS if c not in {"q_value", "change"}])
    frame["q_value"] = _q_values(frame["p_value"].to_numpy(dtype=float))
    frame["change"] = [_change(row, window) for row in frame.to_dict("records")]
    order = frame.assign(same=frame["change"] == "same").sort_values(
        ["same", "q_value", "p_value", "during"], ascending=[True, True, True, False], kind="stable"
    )
    return order[list(_COLUMNS)].reset_index(drop=True)


def _row(
    service: str, template: str, part: pd.DataFrame, window: IncidentWindow
) -> dict[str, object]:
    during = part[window.when.mask(part["ts"])]
    before = part[window.baseline.mask(part["ts"])] if window.baseline else part.iloc[:0]
    ratio = window.when.duration / window.baseline.duration if window.baseline else np.nan
    spread = dispersion_of(_binned(before, window.baseline), _binned(during, window.when))
    p = np.nan
    if window.baseline:
        p = rate_ratio_p(len(before), len(during), float(ratio), dispersion=spread)
    return {
        "service": service,
        "template_id": _short_id(service, template),
        "template": template,
        "before": len(before),
        "during": len(during),
        "rate_ratio": (len(during) + 0.5) / ((len(before) + 0.5) * ratio),
        "p_value": p,
        "severity": float(part["severity_number"].max()),
        "first_seen": part["ts"].iloc[0],
        "example": str(part["body"].iloc[0]),
    }


def _binned(part: pd.DataFrame, span: TimeRange | None) -> np.ndarray:
    """Count records in equal bins of a range."""
    if span is None:
        return np.zeros(_BINS)
    share = (part["ts"] - span.start) / span.duration
    at = np.clip((share.to_numpy() * _BINS).astype(int), 0, _BINS - 1)
    return np.bincount(at, minlength=_BINS).astype(float)


def _change(row: dict[Hashable, Any], window: IncidentWindow) -> Change:
    if window.baseline is None:
        return "same"
    if row["before"] == 0:
        return "new"
    if row["during"] == 0:
        return "gone"
    return "re-rated" if row["q_value"] <= _ALPHA else "same"


def _q_values(p: np.ndarray) -> np.ndarray:
    """Turn p-values into false discovery rates (Benjamini & Hochberg 1995); NaN stays NaN."""
    q = np.full(len(p), np.nan)
    known = ~np.isnan(p)
    q[known] = false_discovery_control(p[known], method="bh")
    return q


def _short_id(service: str, template: str) -> str:
    return "t-" + digest_of([service, template])[:8]
