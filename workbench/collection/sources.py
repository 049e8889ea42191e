"""``sources.yaml``: which systems there are, how services are called there, what is promised.

Secrets stand in it as references alone (an environment variable, a keyring entry).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pydantic

from workbench.cards import ResultCard, table_html
from workbench.collection.openslo import read_openslos
from workbench.collection.query_templates import template_queries, templates
from workbench.collection.yaml_lines import explained, line_of, read_yaml
from workbench.connectors.contract import Estimate, failed_fetch
from workbench.connectors.registry import connector_class, make, settings_class
from workbench.errors import BadInput, WorkbenchError
from workbench.masking import Policy, read_policy

if TYPE_CHECKING:
    import pandas as pd

    from workbench.connectors.contract import Connector, Fetched
    from workbench.slis import SLO
    from workbench.times import TimeRange

__all__ = ["Sources", "connect"]


class _File(pydantic.BaseModel):
    """Shape of ``sources.yaml``; the settings of each source are its connector's own."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    version: Literal[1] = pydantic.Field(default=1, description="of this format")
    sources: dict[str, dict[str, Any]] = pydantic.Field(min_length=1, description="by name")
    services: dict[str, str] = pydantic.Field(
        default_factory=dict, description="a name met in telemetry → the service's name"
    )
    openslo: tuple[Path, ...] = pydantic.Field(default=(), description="files of OpenSLO documents")
    masking: Path | None = pydantic.Field(default=None, description="masking policy, a file")
    masking_key: Path | None = pydantic.Field(default=None, description="where its key lies")
    templates: Path | None = pydantic.Field(default=None, description="folder of own templates")
    cache: Path | None = pydantic.Field(default=None, description="folder of the result cache")


@dataclass(frozen=True, slots=True)
class Sources(ResultCard):
    """The sources of an organisation, not yet asked anything.

    Parameters
    ----------
    settings
        Source's name to its kind and the settings of its connector.
    services
        A name met in telemetry to the service's name.
    slos
        What is promised.
    policy
        What is masked.
    masking_key, cache
        Where the masking key and the result cache lie; None for the defaults.
    """

    settings: dict[str, tuple[str, pydantic.BaseModel]]
    services: dict[str, str] = field(default_factory=dict)
    slos: tuple[SLO, ...] = ()
    policy: Policy = field(default_factory=Policy)
    masking_key: Path | None = None
    cache: Path | None = None

    def connectors(self) -> dict[str, Connector]:
        """Make a connector of each source; nothing is asked yet.

        One that cannot be made gives nothing, and says why in place of its rows.
        """
        return {name: _made(kind, name, own) for name, (kind, own) in self.settings.items()}

    def to_frame(self) -> pd.DataFrame:
        """One row a source: ``source kind tables place``."""
        import pandas as pd

        rows = [
            (name, kind, ", ".join(connector_class(kind).tables), _place(own))
            for name, (kind, own) in self.settings.items()
        ]
        return pd.DataFrame(rows, columns=["source", "kind", "tables", "place"])

    def __repr__(self) -> str:
        """One line a source."""
        lines = [
            f"  {row.source}: {row.kind} at {row.place}" for row in self.to_frame().itertuples()
        ]
        return "\n".join([f"{len(self.settings)} sources, {len(self.slos)} SLOs", *lines])

    def _headline(self) -> str:
        return "Sources"

    def _facts(self) -> dict[str, object]:
        return {
            "sources": len(self.settings),
            "SLOs": len(self.slos),
            "masked": ", ".join(self.policy.kinds),
        }

    def _body(self) -> str:
        return table_html(self.to_frame())


class _Unmade:
    """Stands for a source whose connector could not be made: it hides no other source."""

    kind = "unmade"
    cacheable = False

    def __init__(self, source: str, tables: tuple[str, ...], why: str) -> None:
        self.source, self.tables, self._why = source, tables, why

    async def fetch(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Fetched:
        """Say why there is nothing."""
        del when, services
        return failed_fetch(table, self.source, self._why)

    async def estimate(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Estimate:
        """Say why nothing can be counted."""
        del table, when, services
        return Estimate(None, self._why)

    async def aclose(self) -> None:
        """Nothing is held open."""


def _made(kind: str, name: str, own: pydantic.BaseModel) -> Connector:
    try:
        return make(kind, name, own)
    except WorkbenchError as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001 - whatever a connector of one's own raises
        why = f"its connector cannot be made: {type(error).__name__}"
    unmade: Any = _Unmade(name, connector_class(kind).tables, why)
    made: Connector = unmade
    return made


def connect(path: Path | str) -> Sources:
    """Read ``sources.yaml``. Nothing is asked of any source yet.

    Parameters
    ----------
    path
        The file. Paths in it are relative to its folder.

    Raises
    ------
    BadInput
        It cannot be read or says something a source does not know; each wrong line is named.
    UnknownName
        A kind of source or a template that nobody knows.

    Examples
    --------
    A file of one source::

        sources:
          prometheus:
            kind: prometheus
            url: https://prometheus.example.com
            auth: {kind: bearer, secret: env:PROMETHEUS_TOKEN}
            templates: [http, kubernetes]
    """
    file = Path(path).expanduser()
    raw, node = read_yaml(file)
    try:
        read = _File.model_validate(raw)
    except pydantic.ValidationError as error:
        raise explained(error, file, node) from None
    folder = file.parent
    known = templates(folder / read.templates if read.templates else None)
    settings = {}
    for name, own in read.sources.items():
        line = line_of(node, ("sources", name))
        try:
            settings[name] = _settings(own, folder)
        except pydantic.ValidationError as error:
            raise explained(error, file, node, at=("sources", name)) from None
        except WorkbenchError as error:
            raise BadInput(
                fact=f"line {line}: {error.fact}", value=error.value, hint=error.hint
            ) from error
        settings[name] = _with_templates(settings[name], known)
    slos = read_openslos([folder / one for one in read.openslo])
    policy = read_policy(folder / read.masking) if read.masking else Policy()
    key = folder / read.masking_key if read.masking_key else None
    cache = folder / read.cache if read.cache else None
    return Sources(settings, read.services, slos, policy, key, cache)


def _settings(own: dict[str, Any], folder: Path) -> tuple[str, pydantic.BaseModel]:
    rest = dict(own)
    kind = rest.pop("kind", None)
    if not isinstance(kind, str):
        raise BadInput(fact="A source without a kind", hint="kind: prometheus, for example")
    for name in ("files", "path", "ca_file"):  # relative to the file they stand in
        told = rest.get(name)
        if isinstance(told, str) and told and not Path(told).expanduser().is_absolute():
            rest[name] = str(folder / told)
    return kind, settings_class(kind).model_validate(rest)


def _with_templates(
    one: tuple[str, pydantic.BaseModel], known: dict[str, Any]
) -> tuple[str, pydantic.BaseModel]:
    kind, own = one
    names = getattr(own, "templates", ())
    if not names:
        return one
    queries = (*getattr(own, "queries", ()), *template_queries(names, known))
    return kind, own.model_copy(update={"queries": queries})


def _place(settings: pydantic.BaseModel) -> str:
    told = (getattr(settings, name, "") for name in ("url", "files", "path"))
    return next((str(one) for one in told if one), "")
