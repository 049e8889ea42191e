"""Old names that keep working for one version: each says once a process what it is called now.

`MODULES` tells where a module went. `install` puts a finder behind all others, so that only a
name that nothing else answers to is looked up there. `renamed` does the same for a class or a
function that was renamed. Nothing inside the package uses an old name: the tests turn warnings
into errors, and a type checker is not told of them (``if not TYPE_CHECKING``).
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

__all__ = ["MODULES", "install", "renamed", "warn_renamed"]

# `diagnose.hypotheses` is left out: an import of it would hide the verb of that name. What was a
# module and is a package now tells of its old names itself, see `renamed`.
_MODULES = {
    "views.axes": "views.drawing.axes",
    "views.decimate": "views.drawing.decimate",
    "views.layout": "views.drawing.layout",
    "views.marks": "views.drawing.marks",
    "views.palette": "views.drawing.palette",
    "views.readings": "views.drawing.readings",
    "views.rendering": "views.drawing.rendering",
    "archive.asking": "archive.execution",
    "archive.csvfiles": "archive.csv_files",
    "archive.found": "archive.results",
    "archive.opening": "archive.manifest",
    "archive.writing": "writing",
    "causal.arrows": "causal.gcm.arrow_strength",
    "causal.attribute": "causal.attribution.attribute",
    "causal.autoregressive": "stats.ar_regression",
    "causal.awaited": "causal.attribution.concurrency",
    "causal.blast": "causal.propagation.blast_radius",
    "causal.blast_grade": "causal.propagation.forecast_score",
    "causal.blocks": "stats.block_bootstrap",
    "causal.change_effect": "causal.change_effects.effect",
    "causal.changed": "causal.change_effects.change_data",
    "causal.changegraph": "causal.change_effects.adjustment",
    "causal.clues": "causal.anomalies.gauges",
    "causal.contradictions": "causal.attribution.graph_check",
    "causal.controls": "causal.change_effects.difference_in_differences",
    "causal.counts": "causal.attribution.failure_counts",
    "causal.discovery": "causal.propagation.graph_critique",
    "causal.dowhy_refuters": "causal.gcm.refuters",
    "causal.eventclues": "causal.anomalies.events",
    "causal.falsification": "causal.gcm.falsify",
    "causal.gauges": "causal.anomalies.regrouped_gauges",
    "causal.graph": "causal.attribution.call_graph",
    "causal.guarded": "causal.gcm.session",
    "causal.hidden_cause": "causal.change_effects.sensitivity",
    "causal.hosts": "causal.anomalies.noisy_neighbours",
    "causal.hosttrouble": "causal.anomalies.host_faults",
    "causal.identification": "causal.gcm.identification",
    "causal.instances": "causal.anomalies.instances",
    "causal.interrupted": "causal.change_effects.interrupted_series",
    "causal.intervention": "causal.gcm.intervention",
    "causal.leaving": "causal.propagation.departures",
    "causal.mechanisms": "causal.attribution.breakdown",
    "causal.modelled": "causal.gcm.attribution",
    "causal.onsets": "causal.change_effects.onset",
    "causal.own": "causal.change_effects.self_series",
    "causal.panel": "features.aligned",
    "causal.partial": "stats.partial_correlation",
    "causal.pastwindows": "stats.past_windows",
    "causal.placebos": "causal.change_effects.placebos",
    "causal.refuters": "causal.change_effects.refuters",
    "causal.residuals": "causal.propagation.residuals",
    "causal.scm": "causal.gcm.scm",
    "causal.traced": "features.trace_signals",
    "causal.trust": "causal.attribution.confidence_cap",
    "causal.whatif": "causal.gcm.counterfactual",
    "collection.lines": "collection.yaml_lines",
    "collection.templates_read": "collection.query_templates",
    "connectors.address_guard": "connectors.transport.ssrf_guard",
    "connectors.alertmanager": "connectors.sources.alertmanager.source",
    "connectors.alertmanager_payload": "connectors.sources.alertmanager.payload",
    "connectors.argocd": "connectors.sources.argocd.source",
    "connectors.argocd_payload": "connectors.sources.argocd.payload",
    "connectors.audit_logs": "connectors.sources.audit_logs",
    "connectors.backstage": "connectors.sources.backstage.source",
    "connectors.backstage_payload": "connectors.sources.backstage.payload",
    "connectors.cdevents": "connectors.sources.cdevents.source",
    "connectors.cdevents_payload": "connectors.sources.cdevents.payload",
    "connectors.cloudevents": "connectors.reading.cloudevents",
    "connectors.deploys": "connectors.sources.deploys",
    "connectors.feature_flags": "connectors.sources.feature_flags",
    "connectors.files": "connectors.reading.files",
    "connectors.filesource": "connectors.reading.file_source",
    "connectors.focus": "connectors.sources.focus.source",
    "connectors.focus_payload": "connectors.sources.focus.payload",
    "connectors.github_deployments": "connectors.sources.github_deployments",
    "connectors.http": "connectors.transport.http",
    "connectors.jaeger": "connectors.sources.jaeger",
    "connectors.junit": "connectors.sources.junit",
    "connectors.kubernetes": "connectors.sources.kubernetes.source",
    "connectors.kubernetes_payload": "connectors.sources.kubernetes.payload",
    "connectors.lake": "connectors.sources.lake.source",
    "connectors.lake_schema": "connectors.sources.lake.schema",
    "connectors.loglevels": "connectors.reading.log_levels",
    "connectors.loki": "connectors.sources.loki.source",
    "connectors.loki_payload": "connectors.sources.loki.payload",
    "connectors.opensearch": "connectors.sources.opensearch.source",
    "connectors.opensearch_payload": "connectors.sources.opensearch.payload",
    "connectors.opsgenie": "connectors.sources.opsgenie.source",
    "connectors.opsgenie_payload": "connectors.sources.opsgenie.payload",
    "connectors.otlp": "connectors.sources.otlp.source",
    "connectors.otlp_metrics": "connectors.sources.otlp.metrics",
    "connectors.otlp_payload": "connectors.sources.otlp.payload",
    "connectors.otlp_receiver": "connectors.sources.otlp.receiver",
    "connectors.otlp_spans": "connectors.reading.otlp_spans",
    "connectors.otlp_values": "connectors.reading.otlp_values",
    "connectors.pagerduty": "connectors.sources.pagerduty.source",
    "connectors.pagerduty_payload": "connectors.sources.pagerduty.payload",
    "connectors.paging": "connectors.transport.paging",
    "connectors.prometheus": "connectors.sources.prometheus.source",
    "connectors.prometheus_alerts": "connectors.sources.prometheus.alerts",
    "connectors.prometheus_metrics": "connectors.sources.prometheus.metrics",
    "connectors.prometheus_payload": "connectors.sources.prometheus.payload",
    "connectors.prometheus_queries": "connectors.sources.prometheus.queries",
    "connectors.promql": "connectors.reading.promql",
    "connectors.recordsource": "connectors.reading.record_source",
    "connectors.retry": "connectors.transport.retry",
    "connectors.rows": "connectors.reading.rows",
    "connectors.secret": "connectors.transport.secret",
    "connectors.severities": "connectors.reading.severities",
    "connectors.spanrows": "connectors.reading.spans",
    "connectors.tempo": "connectors.sources.tempo",
    "connectors.tracesearch": "connectors.reading.trace_source",
    "connectors.yamlnodes": "connectors.reading.yaml_nodes",
    "connectors.zipkin": "connectors.sources.zipkin",
    "correlate.lagged": "stats.lagged",
    "diagnose.answers": "diagnose.value_of_information.likelihoods",
    "diagnose.changes": "diagnose.suspects.changes",
    "diagnose.gaps": "diagnose.missing_evidence",
    "diagnose.hostplaces": "diagnose.suspects.hosts",
    "diagnose.ledger_file": "diagnose.ledger.ledger_file",
    "diagnose.next_check": "diagnose.value_of_information.next_checks",
    "diagnose.places": "diagnose.suspects.services",
    "diagnose.surge": "diagnose.suspects.load_surge",
    "diagnose.unseen": "diagnose.value_of_information.missing_sources",
    "features.overdispersion": "stats.overdispersion",
    "features.selftime": "features.self_time",
    "gameday.rawframes": "gameday.raw_frames",
    "masking.judging": "masking.classify",
    "postmortem.appendix": "postmortem.sections.appendix",
    "postmortem.case": "postmortem.context",
    "postmortem.diagnosed": "postmortem.recipes.diagnosis",
    "postmortem.impact": "postmortem.recipes.impact",
    "postmortem.moments": "postmortem.recipes.milestones",
    "postmortem.opening": "postmortem.sections.summary",
    "postmortem.review": "postmortem.sections.review",
    "postmortem.story": "postmortem.sections.analysis",
    "postmortem.timeline": "postmortem.sections.timeline",
    "reporting": "notebooks.run",
    "topology.awaited": "topology.critical_path",
    "topology.twins": "topology.duplicate_views",
    "views.happenings": "views.drawing.event_marks",
    "views.look": "views.selection",
    "views.words": "views.drawing.labels",
}
MODULES: Mapping[str, str] = MappingProxyType(
    {f"workbench.{old}": f"workbench.{new}" for old, new in _MODULES.items()}
)
"""Old dotted name of a module to its new one."""


def install() -> bool:
    """Let old names of modules be imported; calling it again changes nothing.

    Returns
    -------
    bool
        Whether the finder was not there yet.
    """
    new = not any(isinstance(finder, _MovedModules) for finder in sys.meta_path)
    if new:
        sys.meta_path.append(_MovedModules())
    return new


def renamed(module: str, table: Mapping[str, str]) -> Callable[[str], object]:
    """Make the ``__getattr__`` of a module some of whose names were renamed.

    Parameters
    ----------
    module
        The module, its ``__name__``.
    table
        Old name to the new one in the same module, or to ``module:Name`` where it went to
        another.

    Returns
    -------
    Callable
        Gives what has the new name with one `DeprecationWarning`. Names that are not in
        `table` are an `AttributeError`, as without it.

    Examples
    --------
    At the end of a module::

        if not TYPE_CHECKING:
            __getattr__ = renamed(__name__, {"Answer": "Response"})
    """

    def look_up(name: str) -> object:
        if name not in table:
            message = f"module {module!r} has no attribute {name!r}"
            raise AttributeError(message)
        home, _, new = table[name].rpartition(":")
        home = home or module
        warn_renamed(f"{module}.{name}", f"{home}.{new}")
        found = getattr(import_module(home), new)
        setattr(sys.modules[module], name, found)  # so that the next use is silent
        return found

    return look_up


def warn_renamed(old: str, new: str) -> None:
    """Warn of an old name, at the line that uses the function this is called from."""
    # The third frame is whoever used the old name: those of the import machinery are not counted.
    warnings.warn(
        f"{old} is now {new}; the old name goes with the next version",
        DeprecationWarning,
        stacklevel=3,
    )


class _MovedModules(MetaPathFinder):
    """Finds a module by the name it had, after every other finder gave up."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the new module of an old name."""
        new = MODULES.get(fullname)
        return ModuleSpec(fullname, _Alias(new)) if new else None


class _Alias(Loader):
    """Loads the new module in place of the old one: both names are the same object."""

    def __init__(self, new: str) -> None:
        self._new = new
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the new module."""
        warn_renamed(spec.name, self._new)
        module = import_module(self._new)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module back the spec it was made with: it has run already."""
        module.__spec__ = self._spec
