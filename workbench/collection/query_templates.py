"""PromQL for the golden signals as data: what a stack exports, without writing queries."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pydantic

from workbench.collection.yaml_lines import explained, read_yaml
from workbench.connectors.sources.prometheus.counting import PLACEHOLDER
from workbench.connectors.sources.prometheus.source import MetricQuery
from workbench.errors import BadInput, unknown_name

__all__ = ["Template", "template_queries", "templates"]


class Template(pydantic.BaseModel):
    """Queries that belong together.

    Parameters
    ----------
    about
        What exports these metrics.
    source
        Where their names are defined.
    service_from
        Labels that hold the service's name, for all of its queries.
    range_s
        Seconds that ``$range`` in its queries stands for, which is also how far apart their
        points are; see `MetricQuery`. Without it the range of a count is read from its query.
    queries
        What is asked.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    about: str = pydantic.Field(description="what exports these metrics")
    source: str = pydantic.Field(default="", description="where their names are defined")
    service_from: tuple[str, ...] = pydantic.Field(default=(), description="labels of the service")
    range_s: float = pydantic.Field(default=0.0, ge=0, description="seconds a point looks back")
    queries: tuple[MetricQuery, ...] = pydantic.Field(min_length=1, description="what is asked")

    @pydantic.model_validator(mode="after")
    def _range_is_stated(self) -> Template:
        for query in self.queries:
            if PLACEHOLDER in query.promql and not (self.range_s or query.range_s):
                message = f"{PLACEHOLDER} is used and range_s not stated: {query.promql}"
                raise ValueError(message)
        return self


def templates(folder: Path | str | None = None) -> dict[str, Template]:
    """Read the templates there are: ours, and those of a folder of one's own.

    Parameters
    ----------
    folder
        Holds YAML files of the shape of `Template`; a file's name is the template's.

    Raises
    ------
    BadInput
        A file is not a template; each wrong line is named.
    """
    with resources.as_file(resources.files("workbench.collection") / "templates") as ours:
        files = [*sorted(ours.glob("*.yaml"))]
        if folder is not None:
            own = Path(folder).expanduser()
            if not own.is_dir():
                raise BadInput(fact="No folder of templates", value=str(folder))
            files += sorted(own.glob("*.y*ml"))
        return {file.stem: _read(file) for file in files}


def template_queries(names: tuple[str, ...], known: dict[str, Template]) -> list[MetricQuery]:
    """Return the queries of these templates.

    Raises
    ------
    UnknownName
        There is no template of this name.
    """
    found: list[MetricQuery] = []
    for name in names:
        if name not in known:
            raise unknown_name(what="template", name=name, known=known)
        template = known[name]
        found += [_filled(query, template) for query in template.queries]
    return found


def _filled(query: MetricQuery, template: Template) -> MetricQuery:
    looks_back = PLACEHOLDER in query.promql
    return query.model_copy(
        update={
            "service_from": query.service_from or template.service_from,
            "range_s": query.range_s or (template.range_s if looks_back else 0.0),
        }
    )


def _read(file: Path) -> Template:
    raw, node = read_yaml(file)
    try:
        return Template.model_validate(raw)
    except pydantic.ValidationError as error:
        raise explained(error, file, node) from None
