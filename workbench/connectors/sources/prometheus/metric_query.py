"""One thing to ask of a Prometheus, as settings and templates write it."""

from __future__ import annotations

from typing import Literal

import pydantic

from workbench.connectors.reading.promql import is_plain

__all__ = ["MetricQuery"]


class MetricQuery(pydantic.BaseModel):
    """One thing to ask of the server.

    Parameters
    ----------
    promql
        A plain selector (``metric{label="x"}``) for raw samples, or any expression.
    name
        Name of the metric in the window; that of the series where empty.
    unit, kind
        As in the metrics table; asked of the server's metadata where empty.
    service_from
        Labels that hold the service's name, the first present one counts; the settings' list
        where empty.
    range_s
        Seconds that each point looks back, ``$range`` in the query: points are that far apart
        and stand at the start of their stretch, so that counts can be added up. It grows to
        the settings' `step_s` where that is longer.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    promql: str = pydantic.Field(min_length=1, description="selector or expression")
    name: str = pydantic.Field(default="", description="name of the metric in the window")
    unit: str = pydantic.Field(default="", description="unit of the values")
    kind: Literal["", "gauge", "counter", "histogram"] = pydantic.Field(
        default="", description="kind of the metric"
    )
    service_from: tuple[str, ...] = pydantic.Field(default=(), description="labels of the service")
    range_s: float = pydantic.Field(default=0.0, ge=0, description="seconds a point looks back")

    @property
    def is_raw(self) -> bool:
        """Whether its raw samples are read: a plain selector whose points look back at nothing."""
        return not self.range_s and is_plain(self.promql)

    @property
    def range_ms(self) -> int:
        """Milliseconds that each point looks back."""
        return round(self.range_s * 1000)
