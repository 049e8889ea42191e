"""PromQL for the golden signals as data: what a stack exports, without writing queries."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pydantic

from workbench.collection.yaml_lines import explained, read_yaml
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
    queries
        What is asked.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    about: str = pydantic.Field(description="what exports these metrics")
    source: str = pydantic.Field(default="", description="where their names are defined")
    service_from: tuple[str, ...] = pydantic.Field(default=(), description="labels of the service")
    queries: tuple[MetricQuery, ...] = pydantic.Field(min_length=1, description="what is asked")


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
        found += [
            query
            if query.service_from
            else query.model_copy(update={"service_from": template.service_from})
            for query in template.queries
        ]
    return found


def _read(file: Path) -> Template:
    raw, node = read_yaml(file)
    try:
        return Template.model_validate(raw)
    except pydantic.ValidationError as error:
        raise explained(error, file, node) from None
