"""Service level indicators and objectives: what users feel, and what was promised."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from workbench.errors import BadInput, unknown_name

__all__ = ["SLI", "SLO", "Signal"]

Signal = Literal["latency", "errors", "load"]

_UNITS: dict[Signal, str] = {"latency": "s", "errors": "ratio", "load": "req/s"}


@dataclass(frozen=True, slots=True)
class SLI:
    """One signal of one service.

    Parameters
    ----------
    service
        Name of the service.
    signal
        ``latency`` (mean seconds a request), ``errors`` (failed share of requests)
        or ``load`` (requests per second).
    """

    service: str
    signal: Signal

    def __post_init__(self) -> None:
        if self.signal not in _UNITS:
            raise unknown_name(what="signal", name=str(self.signal), known=_UNITS)

    @classmethod
    def parse(cls, text: str) -> SLI:
        """Read ``"service/signal"``; the service may itself hold slashes.

        Raises
        ------
        BadInput, UnknownName
            The text has no signal, or an unknown one.
        """
        service, _, signal = text.rpartition("/")
        if not service:
            hint = f"Write service/signal; signals: {', '.join(_UNITS)}"
            raise BadInput(fact="Not an SLI", value=text, hint=hint)
        return cls(service, signal)  # type: ignore[arg-type]

    @property
    def unit(self) -> str:
        """Unit of the SLI's values."""
        return _UNITS[self.signal]

    @property
    def harmful(self) -> int:
        """Sign of a change for the worse: fewer requests, or more time and more failures."""
        return -1 if self.signal == "load" else 1

    def __str__(self) -> str:
        """Write ``service/signal``, which `parse` reads."""
        return f"{self.service}/{self.signal}"


@dataclass(frozen=True, slots=True)
class SLO:
    """A service level objective.

    Parameters
    ----------
    name
        What people call it.
    service, signal
        Its SLI.
    objective
        Share of good requests promised, in (0, 1).
    threshold
        For latency: seconds at which a request stops being good.
    window_days
        Length of the budget window in days.
    """

    name: str
    service: str
    signal: Signal
    objective: float
    threshold: float | None = None
    window_days: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.objective < 1:
            hint = "Write 0.999 for 99.9 %"
            raise BadInput(
                fact="An objective lies between 0 and 1", value=self.objective, hint=hint
            )

    @property
    def sli(self) -> SLI:
        """The SLI this objective is about."""
        return SLI(self.service, self.signal)

    def to_dict(self) -> dict[str, object]:
        """Plain values; ``SLO(**d)`` reads them back."""
        return asdict(self)
