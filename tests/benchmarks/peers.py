"""Other people's methods on our windows: what `make bench` prints beside the trivial rules.

A peer gets the very signals that the diagnosis gets, the same onset and the same SLI, and
gives a score a service; gaps are filled with the last value, as BARO's own reader does.
Methods that rank signals rank a service by its best signal. Service names are hidden behind
codes, since some methods drop columns by name. One that fails, or is not done in its time,
has missed the case, and is told.

What each is given
------------------
- **BARO** (fse-baro; Pham et al. 2024): every signal, as published.
- **DoWhy GCM** (Budhathoki et al. 2022, "counterfactual attribution" in the PetShop paper):
  one signal a service of the SLI's kind, linear mechanisms along the service graph fitted
  on the baseline, the mean of the incident's bins as the anomaly, 500 samples of the
  distribution, 10 permutations for the Shapley values.
  Where fewer than three services have that kind, the others' latency.
- **RCAEval** (Pham et al. 2025) learns its graph itself: one signal a service of the SLI's
  kind, as above. Given all signals it ran for minutes or found the correlation matrix singular.
  CIRCA judges the last ten samples of five minutes of seconds: bins are put there.

RCAEval's methods that do not run without its private pins
----------------------------------------------------------
================================  ====================================================
rcd, mmrcd, torai                 a patched causal-learn 0.1.2.3 (local skeletons)
ges_pagerank                      causal-learn of that time: GES answers otherwise now
granger_*                         statsmodels before ``verbose`` was removed
cloudranger, microcause, easyrca  pingouin with pandas-flavor and tabulate, pinned;
                                  the last two also tigramite 4
fci_randomwalk                    its walk does not know FCI's half-open edges
causalrca, run, mscred, ntlr_*,   PyTorch
cmlp_*
causalai, ht, e_diagnosis         Salesforce CausalAI, PyRCA
eventadl, microrank, pdiagnose,   logs or traces in a layout of their own, no metrics
tracerca, mm*
================================  ====================================================
"""

from __future__ import annotations

import contextlib
import importlib
import io
import signal
import time
import warnings
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pandas as pd

from workbench.causal.gcm.session import load_gcm, quietly, seeded
from workbench.errors import BadInput
from workbench.evaluate.trivial import like_the_sli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workbench.evaluate.trivial import Rule, Scores
    from workbench.features.aligned import AlignedSignals
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

_SECONDS = 60.0
_FEW = 3  # services with the SLI's kind of signal, below which a graph has nothing to hold
_RCAEVAL = {
    "n-sigma (RCAEval)": ("", "nsigma"),
    "CIRCA (RCAEval)": ("circa", "circa"),
    "PC + PageRank (RCAEval)": ("pc_pagerank", "pc_pagerank"),
    "PC + random walk (RCAEval)": ("pc_randomwalk", "pc_randomwalk"),
    "FCI + PageRank (RCAEval)": ("fci_pagerank", "fci_pagerank"),
    "ICA-LiNGAM + PageRank (RCAEval)": ("lingam_pagerank", "lingam_pagerank"),
    "ICA-LiNGAM + random walk (RCAEval)": ("pc_randomwalk", "lingam_randomwalk"),
    "MicroDiag (RCAEval)": ("lingam_pagerank", "micro_diag"),
}
_ALL_SIGNALS = {"BARO", "n-sigma (RCAEval)"}
_NEEDS = {"BARO": ("baro",), "RCAEval": ("RCAEval", "causallearn", "sknetwork")}
_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


class _Stopped(BaseException):
    """Time is up; not an `Exception`, which RCAEval turns into the order of the columns."""


@dataclass
class Peer:
    """A method under a time limit, and how it fared."""

    name: str
    method: Rule
    limit: float = _SECONDS
    seconds: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def __call__(self, window: IncidentWindow, aligned: AlignedSignals, sli: SLI) -> Scores:
        """Run it; what fails or takes too long is a missed case."""
        started = time.perf_counter()
        try:
            with _limited(self.limit), seeded(seed=0), quietly(), _unheard():
                return self.method(window, aligned, sli)
        except _Stopped:
            self.missed.append(f"stopped at {self.limit:g} s")
        except _FAILURES as error:
            self.missed.append(f"{type(error).__name__}: {error}")
        finally:
            self.seconds.append(time.perf_counter() - started)
        raise BadInput("The peer gave no answer", value=self.name)


def peers() -> dict[str, Peer]:
    """Those that are installed."""
    methods: dict[str, Rule] = {"DoWhy GCM attribution": gcm_attribution}
    if not missing("BARO"):
        methods["BARO"] = _ranked_by("baro.root_cause_analysis", "robust_scorer", name="BARO")
    if not missing("RCAEval"):
        for name, (module, function) in _RCAEVAL.items():
            where = ".".join(filter(None, ("RCAEval.e2e", module)))
            methods[name] = _ranked_by(where, function, name=name)
    return {name: Peer(name, method) for name, method in methods.items()}


def missing(family: str) -> list[str]:
    """Modules that a family of peers needs and that are not installed (the `bench` extra)."""
    return [module for module in _NEEDS[family] if find_spec(module) is None]


def fared(ran: dict[str, Peer]) -> pd.DataFrame:
    """Time a case and cases without an answer, a line a peer."""
    return pd.DataFrame(
        [
            {
                "peer": peer.name,
                "cases": len(peer.seconds),
                "median s": np.median(peer.seconds),
                "most s": max(peer.seconds),
                "no answer": len(peer.missed),
                "why, first": peer.missed[0][:60] if peer.missed else "",
            }
            for peer in ran.values()
            if peer.seconds
        ]
    )


def gcm_attribution(window: IncidentWindow, aligned: AlignedSignals, sli: SLI) -> Scores:
    """Let DoWhy attribute the SLI's anomaly on mechanisms fitted along the service graph."""
    gcm = load_gcm()
    model, before, during = gcm_case(window, aligned, sli)
    from dowhy.gcm.shapley import ShapleyApproximationMethods, ShapleyConfig

    gcm.fit(model, before)
    parts = gcm.attribute_anomalies(
        model,
        sli.service,
        anomaly_samples=during.mean().to_frame().T,
        num_distribution_samples=500,
        shapley_config=ShapleyConfig(
            ShapleyApproximationMethods.PERMUTATION, num_permutations=10, n_jobs=1
        ),
    )
    return {name: float(np.mean(values)) for name, values in parts.items()}


def gcm_case(
    window: IncidentWindow, aligned: AlignedSignals, sli: SLI
) -> tuple[Any, pd.DataFrame, pd.DataFrame]:
    """Causal model to be fitted, and the signals before and during the incident."""
    table = one_each(aligned, sli)
    before, during = table.iloc[aligned.split.baseline], table.iloc[aligned.split.incident]
    seen = before.count().gt(len(before) / 10) & during.count().gt(0) & before.std().gt(0)
    graph = _waits_for(window.topology, set(table.columns[seen]), sli.service)
    names = list(graph)
    before = before[names].ffill().bfill()
    gcm = load_gcm()
    model = gcm.InvertibleStructuralCausalModel(graph)
    for name in names:
        linear = gcm.AdditiveNoiseModel(gcm.ml.create_linear_regressor())
        inner = list(graph.predecessors(name))
        model.set_causal_mechanism(name, linear if inner else gcm.EmpiricalDistribution())
    return model, before, during[names].fillna(before.median())


def _waits_for(topology: nx.DiGraph, measured: set[str], target: str) -> nx.DiGraph:
    """Graph from callee to caller of what the target waits for, without rings."""
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_node(target)
    graph.add_edges_from((v, u) for u, v in topology.edges if {u, v} <= measured and u != v)
    while not nx.is_directed_acyclic_graph(graph):
        graph.remove_edge(*nx.find_cycle(graph)[-1][:2])
    return nx.DiGraph(graph.subgraph(nx.ancestors(graph, target) | {target}))


def _ranked_by(module: str, function: str, *, name: str) -> Rule:
    def judge(window: IncidentWindow, aligned: AlignedSignals, sli: SLI) -> Scores:
        rank = _loaded(module, function)
        table, onset, names = as_table(aligned, None if name in _ALL_SIGNALS else sli)
        found = rank(table, inject_time=onset, dataset="incident")
        graph = found.get("adj")
        if isinstance(graph, list) or (
            graph is not None and "CIRCA" not in name and not graph.any()
        ):
            raise ValueError("it fell back to the order of the columns")
        return _by_service(found["ranks"], names)

    return judge


def as_table(
    aligned: AlignedSignals, sli: SLI | None
) -> tuple[pd.DataFrame, float, dict[str, str]]:
    """Signals as these packages want them: ``time`` and ``code_signal``, the onset, the codes.

    Time is counted in bins; the incident ends 300 of them after the onset, where CIRCA looks.
    """
    signals = aligned.nodes
    if sli is not None:
        signals = one_each(aligned, sli)
        signals.columns = pd.MultiIndex.from_product([signals.columns, [sli.signal]])
    split, names = (
        aligned.split,
        sorted({str(name) for name in signals.columns.get_level_values(0)}),
    )
    codes = {name: f"s{number}" for number, name in enumerate(names)}
    table = signals.iloc[np.concatenate([split.baseline, split.incident])].ffill().fillna(0.0)
    table.columns = [f"{codes[str(s)]}_{str(k).replace('_', '-')}" for s, k in table.columns]
    table = table.loc[:, table.std() > 0].reset_index(drop=True)
    onset, length = split.baseline.size, split.incident.size
    late = onset + max(300, length) - np.arange(length)[::-1]
    table.insert(0, "time", np.concatenate([np.arange(onset), late]).astype(float))
    return table, float(onset), {code: name for name, code in codes.items()}


def one_each(aligned: AlignedSignals, sli: SLI) -> pd.DataFrame:
    """One signal a service, of the SLI's kind; the others' latency where few have that kind."""
    table = like_the_sli(aligned, sli)
    if len(table.columns) >= _FEW:
        return table
    return like_the_sli(aligned, replace(sli, signal="latency")).assign(**table)


def _by_service(ranks: list[str], names: dict[str, str]) -> Scores:
    scores: Scores = {}
    for place, signal_name in enumerate(ranks):
        service = names[str(signal_name).split("_")[0]]
        scores.setdefault(service, float(len(ranks) - place))
    return scores


def _loaded(module: str, function: str) -> Callable[..., dict[str, Any]]:
    with warnings.catch_warnings():  # they switch warnings off for everybody
        warnings.simplefilter("ignore")
        return getattr(importlib.import_module(module), function)


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise `_Stopped` after some seconds; an alarm that was set before goes on afterwards."""

    def stop(*_: object) -> None:
        raise _Stopped

    handler = signal.signal(signal.SIGALRM, stop)
    left, every = signal.setitimer(signal.ITIMER_REAL, seconds)
    started = time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            rest = max(left - (time.monotonic() - started), 1e-3)
            signal.setitimer(signal.ITIMER_REAL, rest, every)


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Progress bars and prints of other people's methods go nowhere."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
