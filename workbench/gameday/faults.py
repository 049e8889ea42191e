"""What a game day does to the shop: real mechanisms, with decoys beside them.

Each fault is a short script of steps around its onset. The truth about it is written apart
from the telemetry, for scoring alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from workbench.errors import unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workbench.gameday.shop.stack import Shop

    Act = Callable[[Shop], Mapping[str, Any]]

__all__ = ["FAULTS", "Fault", "Step", "fault"]


@dataclass(frozen=True)
class Step:
    """One thing done to the shop.

    Parameters
    ----------
    at_s
        Seconds after the onset; negative before it.
    what
        Its name: ``inject``, ``recover``, or a decoy's.
    act
        Does it and says what was done.
    """

    at_s: float
    what: str
    act: Act


@dataclass(frozen=True)
class Fault:
    """A game day's script.

    Parameters
    ----------
    name, incident, title
        Name of the fault; id and title of the incident its recording becomes.
    steps
        What is done, in order.
    truth
        What an investigation should find; ``service`` is None where nothing is broken.
    decoys
        What it should not blame.
    surge_rps
        Requests a second while the fault lasts, if the load itself is the fault.
    sli
        Where the harm shows: the SLI whose objective comes first on the window.
    """

    name: str
    incident: str
    title: str
    steps: tuple[Step, ...] = ()
    truth: Mapping[str, Any] = field(default_factory=dict)
    decoys: tuple[Mapping[str, str], ...] = ()
    surge_rps: float | None = None
    sli: str = "checkout/latency"


def fault(name: str) -> Fault:
    """Return a fault by name.

    Raises
    ------
    UnknownName
        If there is no such fault.
    """
    if name not in FAULTS:
        kind = "fault"
        raise unknown_name(kind, name, FAULTS)
    return FAULTS[name]


def _deploy(service: str, version: str, kind: str = "deploy") -> Act:
    return lambda shop: shop.deploy(service, version, kind=kind)


def _refresh_model(seconds: float) -> Act:
    return lambda shop: shop.control("recommendations", "refresh", {"seconds": seconds})


def _provider_delay(median_s: float, sigma: float) -> Act:
    settings = {"median_s": median_s, "sigma": sigma}
    return lambda shop: shop.control("payments", "provider-delay", settings)


def _nothing(_: Shop) -> dict[str, Any]:
    return {}


_LASTS_S = 240.0

_QUIET = Fault(
    name="quiet",
    incident="shop-quiet",
    title="A quiet stretch: traffic varies, nothing is changed, nothing is broken",
    truth={"service": None, "signal": None, "change": None},
)

_ORDERS_LOCKS = Fault(
    name="orders-lock-deploy",
    incident="shop-orders-locks",
    title="Checkouts slow and failing",
    steps=(
        Step(-100, "decoy", _deploy("catalog", "3.8.2")),
        Step(0, "inject", _deploy("orders", "2.4.0")),
        Step(_LASTS_S, "recover", _deploy("orders", "2.3.0", "rollback")),
    ),
    truth={
        "service": "orders",
        "signal": "latency",
        "change": {"kind": "deploy", "service": "orders", "ref": "orders@2.4.0"},
        "first_failure": {"service": "orders", "signal": "latency"},
        "mechanism": "row locks taken in cart order and held while quoting shipping: "
        "lock waits and deadlocks in PostgreSQL",
    },
    decoys=(
        {"kind": "deploy", "service": "catalog", "why": "innocent deploy 100 s before"},
        {"kind": "rollback", "service": "orders", "why": "the remedy, not the cause"},
    ),
)

_PAYMENTS_SLOW = Fault(
    name="payments-slow",
    incident="shop-payments-slow",
    title="Checkouts slow",
    steps=(
        Step(-75, "decoy", _deploy("cart", "1.12.1")),
        Step(-45, "decoy", _refresh_model(170.0)),
        Step(0, "inject", _provider_delay(0.45, 0.8)),
        Step(_LASTS_S, "recover", _provider_delay(0.0, 0.0)),
    ),
    truth={
        "service": "payments",
        "signal": "latency",
        "change": None,
        "first_failure": {"service": "payments", "signal": "latency"},
        "mechanism": "the card provider answers late, heavy-tailed; nobody changed anything",
    },
    decoys=(
        {"kind": "deploy", "service": "cart", "why": "innocent deploy 75 s before"},
        {
            "kind": "noise",
            "service": "recommendations",
            "why": "batch job burning CPU and logging warnings from 45 s before",
        },
    ),
)

_TRAFFIC_SURGE = Fault(
    name="traffic-surge",
    incident="shop-traffic-surge",
    title="The whole shop is slow",
    steps=(
        Step(-80, "decoy", _deploy("recommendations", "4.1.1")),
        Step(0, "inject", _nothing),
        Step(_LASTS_S, "recover", _nothing),
    ),
    truth={
        "service": "edge",
        "signal": "load",
        "change": None,
        "first_failure": {"service": "catalog", "signal": "latency"},
        "mechanism": "about three times the usual traffic; the catalog's two workers saturate and "
        "requests queue for them",
    },
    decoys=(
        {"kind": "deploy", "service": "recommendations", "why": "innocent deploy 80 s before"},
    ),
    surge_rps=17.0,
    sli="storefront/latency",
)

_INNOCENT_DEPLOY = Fault(
    name="innocent-deploy",
    incident="shop-innocent-deploy",
    title="Did the checkout deploy do harm?",
    steps=(Step(0, "decoy", _deploy("checkout", "2.9.6")),),
    truth={"service": None, "signal": None, "change": None},
    decoys=({"kind": "deploy", "service": "checkout", "why": "innocent deploy, no fault"},),
)

FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        each.name: each
        for each in (_QUIET, _ORDERS_LOCKS, _PAYMENTS_SLOW, _TRAFFIC_SURGE, _INNOCENT_DEPLOY)
    }
)
