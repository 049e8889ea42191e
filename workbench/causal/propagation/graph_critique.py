"""Causal discovery as a critic of the service graph: it lists doubts and changes nothing.

After what the graph explains is taken from each service's work, two services without a
call between them should share nothing. Where they do, a call may be missing (or both may
depend on something that nobody measures); the PC algorithm (Spirtes & Glymour 1991, by
causal-learn) then drops pairs that are joined only through a third. A call whose callee's
movements never show in its caller, or whose callee takes longer than the whole caller, is
contradicted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import networkx as nx
import pandas as pd
from scipy.stats import false_discovery_control, t

from workbench.cards import ResultCard, chance, table_html
from workbench.causal.attribution.call_graph import declared_asynchronous
from workbench.causal.attribution.graph_check import check_graph
from workbench.causal.propagation.residuals import (
    associations,
    normal_scores,
    residuals,
    transmission,
)
from workbench.causal.thresholds import (
    AGAINST_DECLARED,
    CALLEE_SHOWN,
    FALSE_DISCOVERIES,
    MOST_CRITICISED,
    MOST_PC_VARIABLES,
    PC_LEVEL,
)
from workbench.errors import BadInput, MissingPart, unknown_name
from workbench.features.aligned import align
from workbench.findings import Finding
from workbench.topology import calls_only

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workbench.causal.propagation.residuals import Association, Residuals
    from workbench.features.aligned import AlignedSignals
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["Critique", "Doubt", "critique"]

_METHODS = ("pc", "residuals")


@dataclass(frozen=True, slots=True)
class Doubt:
    """One call that the data ask for, or speak against.

    Parameters
    ----------
    caller, callee
        The call; of a missing one the direction may be open.
    kind
        ``missing`` or ``contradicted``.
    strength
        Rank correlation of what the graph leaves unexplained (missing), or the share of the
        callee's movement that the caller shows (contradicted).
    p_value, q_value
        As tested, and adjusted for all that was tested; NaN where nothing was estimated.
    statement
        One sentence.
    directed
        Whether who calls whom could be told.
    """

    caller: str
    callee: str
    kind: Literal["missing", "contradicted"]
    strength: float
    p_value: float
    q_value: float
    statement: str
    directed: bool = True


@dataclass(frozen=True, slots=True, repr=False)
class Critique(ResultCard):
    """What the data say of a service graph; the graph itself stays as it is.

    Parameters
    ----------
    window_id, sli
        What was asked.
    services
        Services that were looked at, those nearest to the SLI first.
    left_out
        Services beyond the limit, which were not.
    doubts
        Candidate missing and contradicted calls, strongest first.
    pairs, calls
        Pairs without a call, and calls, that were tested.
    method
        Name and parameters.
    partial
        Whether the time was up before every candidate was looked at with PC.
    notes
        What one should know.
    """

    window_id: str
    sli: SLI
    services: tuple[str, ...]
    left_out: int
    doubts: tuple[Doubt, ...]
    pairs: int
    calls: tuple[tuple[str, str], ...]
    method: str
    partial: bool = False
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[Doubt, ...]:
        """Candidate missing calls, strongest first."""
        return tuple(d for d in self.doubts if d.kind == "missing")

    @property
    def contradicted(self) -> tuple[Doubt, ...]:
        """Calls that the data contradict."""
        return tuple(d for d in self.doubts if d.kind == "contradicted")

    def to_frame(self) -> pd.DataFrame:
        """One line a call of the graph, contradicted or not, and one a missing candidate."""
        against = {(d.caller, d.callee): d for d in self.contradicted}
        rows = [_row(call, against.get(call)) for call in self.calls]
        rows += [_row((d.caller, d.callee), d) for d in self.missing]
        columns = ["caller", "callee", "in the graph", "verdict", "strength", "q_value", "why"]
        return pd.DataFrame(rows, columns=columns)

    def findings(self) -> tuple[Finding, ...]:
        """Each doubt as a finding; none of them is a claim of cause."""
        return tuple(
            Finding(
                d.caller,
                self.sli.signal,
                d.statement,
                "correlated" if d.kind == "missing" else "observed",
                score=d.strength,
                method=self.method,
            )
            for d in self.doubts
        )

    def _headline(self) -> str:
        return (
            f"{len(self.missing)} calls may be missing, {len(self.contradicted)} of "
            f"{len(self.calls)} are contradicted"
        )

    def _facts(self) -> dict[str, str]:
        seen = f"{len(self.services)} services near {self.sli.service}, {self.pairs} pairs"
        left = f"; {self.left_out} farther ones were not looked at" if self.left_out else ""
        return {
            "looked at": seen + left,
            "method": self.method + ("; time was up: partial" if self.partial else ""),
            "notes": "; ".join(self.notes) or "none",
        }

    def __repr__(self) -> str:
        """Headline, facts, then a line a doubt."""
        lines = [f"  {name}: {value}" for name, value in self._facts().items()]
        lines += [f"  [{d.kind}] {d.statement}" for d in self.doubts]
        return "\n".join(
            [f"Critique of the graph of {self.window_id!r}: {self._headline()}", *lines]
        )

    def _body(self) -> str:
        return table_html(self.to_frame())

    def _note(self) -> str:
        return "The graph is not changed: a doubt is a question to whoever knows the system."


def critique(
    window: IncidentWindow,
    sli: SLI | None = None,
    *,
    method: str = "pc",
    seed: int = 0,
    seconds: float = 8.0,
) -> Critique:
    """Hold the service graph against the data: calls that seem missing, calls contradicted.

    Parameters
    ----------
    window
        The incident window; its topology is criticised and left as it is.
    sli
        Services near its service are looked at (at most 40); the first SLO's if None.
    method
        ``"pc"`` looks at every candidate again with the PC algorithm, ``"residuals"`` does
        not and needs no further package.
    seed
        Kept with the result; nothing here is drawn at random.
    seconds
        When to stop; what is not done by then stays a candidate, and `partial` says so.

    Raises
    ------
    BadInput, UnknownName
        No baseline, an SLI of load, or a method nobody knows.
    MissingPart
        Method ``"pc"`` without causal-learn.

    Notes
    -----
    Five in a hundred of all missing calls told may be false, one in a hundred of those
    contradicted (Benjamini–Yekutieli). A shared dependency that nobody measures looks like a
    missing call. A call is tested by what it passes on: an association says nothing of a
    service whose own work hardly varies.
    """
    ends = time.monotonic() + seconds
    target = _asked(window, sli, method)
    search = _pc() if method == "pc" else None
    aligned = align(window)
    near, left_out = _near(window, aligned, target.service)
    late = aligned.asynchronous | declared_asynchronous(window.topology)
    graph = [
        (str(u), str(v))
        for u, v in calls_only(window.topology).edges
        if u in near and v in near and u != v and (u, v) not in late
    ]
    measured = {(str(u), str(v)) for u, v, _ in aligned.edges.columns if u in near and v in near}
    unlisted = tuple(sorted(measured - set(graph) - late))
    found = residuals(aligned, near, (*graph, *unlisted), signal=target.signal)
    tested = associations(found, without=late)
    candidates = _significant(tested)
    kept, partial = _looked_at_again(found, candidates, search, ends)
    doubts = (
        *(_unlisted(call) for call in unlisted),
        *sorted((_missing(found, a, q) for a, q in kept), key=lambda d: -abs(d.strength)),
        *_contradicted(window, aligned, found, graph),
    )
    return Critique(
        window_id=window.id,
        sli=target,
        services=tuple(near),
        left_out=left_out,
        doubts=doubts,
        pairs=len(tested),
        calls=tuple(graph),
        method=f"causal.critique method={method} q≤{FALSE_DISCOVERIES} seed={seed}",
        partial=partial,
        notes=(*aligned.notes, *_unmeasured(near, found)),
    )


def _asked(window: IncidentWindow, sli: SLI | None, method: str) -> SLI:
    if method not in _METHODS:
        kind = "method"
        raise unknown_name(kind, method, _METHODS)
    target = sli or window.sli()
    if target.signal == "load":
        hint = "Ask for its latency or errors"
        fact = "Load flows down the calls and cannot doubt them"
        raise BadInput(fact, value=str(target), hint=hint)
    return target


def _pc() -> Any:  # noqa: ANN401 - the package has no types
    try:
        from causallearn.search.ConstraintBased.PC import pc
    except ImportError as error:
        hint = 'pip install "incident-workbench[discovery]", or ask with method="residuals"'
        fact = "causal-learn is not installed"
        raise MissingPart(fact, value="causallearn", hint=hint) from error
    return pc


def _near(window: IncidentWindow, aligned: AlignedSignals, start: str) -> tuple[list[str], int]:
    """Services with telemetry by distance from the SLI's in calls, either way."""
    graph: nx.Graph[str] = nx.Graph(calls_only(window.topology))
    graph.add_edges_from((u, v) for u, v, _ in aligned.edges.columns)
    far = len(graph) + 1
    steps = nx.single_source_shortest_path_length(graph, start) if start in graph else {start: 0}
    names = sorted(aligned.services, key=lambda name: (steps.get(name, far), name))
    return names[:MOST_CRITICISED], max(len(names) - MOST_CRITICISED, 0)


def _significant(tested: Iterable[Association]) -> list[tuple[Association, float]]:
    pairs = list(tested)
    # Pairs share services, so their tests depend on each other: Benjamini & Yekutieli (2001).
    adjusted = false_discovery_control([a.p_value for a in pairs], method="by")
    return [(a, float(q)) for a, q in zip(pairs, adjusted, strict=True) if q <= FALSE_DISCOVERIES]


def _looked_at_again(
    found: Residuals,
    candidates: list[tuple[Association, float]],
    search: Any,  # noqa: ANN401
    ends: float,
) -> tuple[list[tuple[Association, float]], bool]:
    """Keep the candidates that no third service explains; after the time all are kept."""
    if search is None:
        return candidates, False
    kept, partial = [], False
    for association, q in candidates:
        if time.monotonic() > ends:
            partial = True
        elif not _is_direct(found, association, candidates, search):
            continue
        kept.append((association, q))
    return kept, partial


def _is_direct(
    found: Residuals,
    association: Association,
    candidates: list[tuple[Association, float]],
    search: Any,  # noqa: ANN401
) -> bool:
    """Ask PC whether two services stay joined, given their callees and fellow candidates."""
    pair = association.pair
    fellows = [a for a, _ in candidates if set(a.pair) & set(pair)]
    fellows.sort(key=lambda a: -abs(a.strength))
    beside = [name for a in fellows for name in a.pair]
    below = [callee for caller, callee in found.cost if caller in pair]
    names = list(dict.fromkeys([*pair, *beside, *below]))[:MOST_PC_VARIABLES]
    data = normal_scores(found.total[:, [found.services.index(name) for name in names]])
    if len(data) < 3 * len(names):
        return True
    try:
        graph = search(data, PC_LEVEL, "fisherz", show_progress=False).G.graph
    except ValueError:  # two of the series are one: nothing can be told apart
        return True
    return bool(graph[0, 1] != 0 or graph[1, 0] != 0)


def _missing(found: Residuals, association: Association, q: float) -> Doubt:
    a, b = association.pair
    i, j = found.services.index(a), found.services.index(b)
    into_a, into_b = found.level[j] <= found.kept[i], found.level[i] <= found.kept[j]
    caller, callee = (a, b) if into_a >= into_b else (b, a)
    directed = bool(into_a != into_b)
    way = f"{caller} → {callee}" if directed else f"{caller} – {callee}, direction open"
    words = (
        f"{way}: what the graph leaves unexplained of both moves together, rank correlation "
        f"{association.strength:.2f}, {chance(q)} with all pairs counted: a call that is missing, "
        "or something both depend on"
    )
    return Doubt(
        caller, callee, "missing", association.strength, association.p_value, q, words, directed
    )


def _unlisted(call: tuple[str, str]) -> Doubt:
    words = f"{call[0]} → {call[1]}: telemetry counts these calls, the graph does not list them"
    return Doubt(*call, "missing", 1.0, float("nan"), 0.0, words)


def _contradicted(
    window: IncidentWindow, aligned: AlignedSignals, found: Residuals, graph: list[tuple[str, str]]
) -> Iterator[Doubt]:
    longer = set(check_graph(window.topology, aligned).contradicted)
    nothing = float("nan")
    for call in (call for call in graph if call in longer):
        words = f"{call[0]} → {call[1]}: the callee takes longer than its caller's whole requests"
        yield Doubt(*call, "contradicted", nothing, nothing, 0.0, f"{words}: turned round?")
    known = [call for call in graph if call in found.cost and call not in longer]
    shown = [transmission(found, call) for call in known]
    freedom = max(len(found.total) - 3, 1)
    p = [
        float(t.cdf((share - CALLEE_SHOWN) / error, freedom)) if error > 0 else 1.0
        for share, error in shown
    ]
    adjusted = false_discovery_control(p, method="by")
    for call, (share, _), chance_of_it, q in zip(known, shown, p, adjusted, strict=True):
        if q <= AGAINST_DECLARED:
            words = (
                f"{call[0]} → {call[1]}: of the callee's movements the caller shows "
                f"{100 * max(share, 0.0):.0f} %, {chance(float(q))} for half of them: "
                "not waited for?"
            )
            yield Doubt(*call, "contradicted", share, chance_of_it, float(q), words)


def _unmeasured(near: list[str], found: Residuals) -> Iterator[str]:
    blind = sorted(set(near) - set(found.services))
    if blind:
        yield f"not measured, so not criticised: {', '.join(blind)}"


def _row(call: tuple[str, str], doubt: Doubt | None) -> tuple[object, ...]:
    if doubt is None:
        return (*call, "yes", "not contradicted", float("nan"), float("nan"), "")
    listed = "no" if doubt.kind == "missing" else "yes"
    return (*call, listed, doubt.kind, doubt.strength, doubt.q_value, doubt.statement)
