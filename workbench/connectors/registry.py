"""The kinds of sources there are, by the names `sources.yaml` calls them. Nothing is imported yet.

A kind of one's own is written ``package.module:Class``; its settings are the class of the same
name with ``Settings`` behind it, in the same module.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pydantic

    from workbench.connectors.contract import Connector

__all__ = ["KINDS", "connector_class", "make", "settings_class"]

_CONTRACT = ("kind", "tables", "cacheable", "fetch", "estimate", "aclose")
_HERE = "workbench.connectors.sources"
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "alertmanager": f"{_HERE}.alertmanager.source:Alertmanager",
        "alertmanager_webhook": f"{_HERE}.alertmanager.source:AlertmanagerWebhook",
        "argocd": f"{_HERE}.argocd.source:ArgoCD",
        "argocd_files": f"{_HERE}.argocd.source:ArgoCDFiles",
        "audit_logs": f"{_HERE}.audit_logs:AuditLogs",
        "backstage": f"{_HERE}.backstage.source:Backstage",
        "cdevents": f"{_HERE}.cdevents.source:CDEvents",
        "deploys": f"{_HERE}.deploys:Deploys",
        "feature_flags": f"{_HERE}.feature_flags:FeatureFlags",
        "focus": f"{_HERE}.focus.source:Focus",
        "github_deployments": f"{_HERE}.github_deployments:GitHubDeployments",
        "jaeger": f"{_HERE}.jaeger:Jaeger",
        "junit": f"{_HERE}.junit:JUnit",
        "kubernetes": f"{_HERE}.kubernetes.source:Kubernetes",
        "kubernetes_files": f"{_HERE}.kubernetes.source:KubernetesFiles",
        "lake": f"{_HERE}.lake.source:Lake",
        "loki": f"{_HERE}.loki.source:Loki",
        "opensearch": f"{_HERE}.opensearch.source:OpenSearch",
        "opsgenie": f"{_HERE}.opsgenie.source:Opsgenie",
        "otlp": f"{_HERE}.otlp.source:Otlp",
        "pagerduty": f"{_HERE}.pagerduty.source:PagerDuty",
        "prometheus": f"{_HERE}.prometheus.source:Prometheus",
        "tempo": f"{_HERE}.tempo:Tempo",
        "zipkin": f"{_HERE}.zipkin:Zipkin",
    }
)
"""Kind to ``module:Class``."""


def connector_class(kind: str) -> type[Connector]:
    """Import the class of a kind.

    Raises
    ------
    UnknownName
        A kind nobody knows.
    BadInput
        ``package.module:Class`` that cannot be imported, or is not a connector.
    """
    place = KINDS.get(kind, kind)
    if ":" not in place:
        raise unknown_name(what="kind of source", name=kind, known=KINDS)
    module, _, name = place.partition(":")
    hint = "A kind of one's own is written package.module:Class, and must be importable here"
    if kind not in KINDS and not _defines_connector(module, name):
        # Importing runs a module: only one that says it holds such a connector is.
        raise BadInput(fact="No connector of this name in this module", value=kind, hint=hint)
    try:
        found = getattr(importlib.import_module(module), name, None)
    except (ImportError, SyntaxError, NameError, TypeError, ValueError, LookupError) as error:
        why = f"{type(error).__name__} while it was imported. {hint}"
        raise BadInput(fact="A connector that cannot be imported", value=kind, hint=why) from error
    lacks = [one for one in _CONTRACT if not hasattr(found, one)]
    if not isinstance(found, type) or lacks:
        why = f"It lacks {', '.join(lacks)}; see workbench.connectors.contract.Connector"
        raise BadInput(fact="Not a connector", value=kind, hint=why)
    return found


def _defines_connector(module: str, name: str) -> bool:
    """Whether a module's source defines a class of this name and its settings; it is not run."""
    if not all(part.isidentifier() for part in (*module.split("."), name)):
        return False
    if (loaded := sys.modules.get(module)) is not None:
        return isinstance(getattr(loaded, name, None), type)
    try:
        source = _source_of(module.split("."))
        tree = ast.parse(source) if source else None
    except (OSError, SyntaxError, ValueError, RecursionError):
        return False
    if tree is None:
        return False
    named = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    named |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    return {name, f"{name}Settings"} <= named


def _source_of(parts: list[str]) -> bytes:
    """Read a module's source where an import would find it, importing none of its packages."""
    places: Sequence[str] | None = None
    for depth, part in enumerate(parts, start=1):
        spec = PathFinder.find_spec(part, places)
        if spec is None:
            return b""
        if depth == len(parts):
            return Path(spec.origin).read_bytes() if spec.origin else b""
        places = list(spec.submodule_search_locations or ())
    return b""


def settings_class(kind: str) -> type[pydantic.BaseModel]:
    """Find the settings of a kind: ``<Class>Settings`` in its module.

    Raises
    ------
    BadInput
        There is none.
    """
    cls = connector_class(kind)
    module = inspect.getmodule(cls)
    found = getattr(module, f"{cls.__name__}Settings", None)
    if not isinstance(found, type):
        hint = f"Define {cls.__name__}Settings(pydantic.BaseModel) beside it"
        raise BadInput(fact="A connector without settings", value=kind, hint=hint)
    return found


def make(kind: str, source: str, settings: Any) -> Connector:  # noqa: ANN401 - the kind's own
    """Make a connector of a kind from its settings.

    Parameters
    ----------
    kind
        One of `KINDS`, or ``package.module:Class``.
    source
        The name its user gave it.
    settings
        An instance of `settings_class`. Where it has an address, the connector is handed a
        client for it.
    """
    from workbench.connectors.transport.http import Http, HttpSettings

    cls: Any = connector_class(kind)
    made: Connector = (
        cls(source, settings, Http(settings))
        if isinstance(settings, HttpSettings)
        else cls(source, settings)
    )
    return made
