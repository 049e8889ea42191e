"""A model of PagerDuty's REST API over a reference store: its paging, ranges and limits.

As documented: ``limit`` of 25 unless asked for and 100 at most, ``offset + limit`` of 10,000 at
most (400, code 2002), a month without ``since`` and ``until``, half a year at most, ``total``
only where asked for. The caps are arguments, so that small stores reach them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

LISTS = {"incidents": "created_at", "log_entries": "created_at", "change_events": "timestamp"}


@dataclass
class Store:
    """What the account holds; `said_total` lets it lie."""

    incidents: list = field(default_factory=list)
    log_entries: list = field(default_factory=list)
    change_events: list = field(default_factory=list)
    services: list = field(default_factory=list)
    alerts: dict = field(default_factory=dict)
    entries: dict = field(default_factory=dict)
    dependencies: dict = field(default_factory=dict)
    cap: int = 10_000
    lost: int = 0  # records a list counts and does not give
    requests: int = 0
    refused: int = 0


def refusal(text):
    error = {"message": "Arguments Caused Error", "code": 2002, "errors": [text]}
    return JSONResponse({"error": error}, status_code=400)


def paged(store, request, name, records):
    asked = request.query_params
    limit = min(int(asked.get("limit", 25)), 100)
    offset = int(asked.get("offset", 0))
    if offset + limit > store.cap:
        store.refused += 1
        return refusal(f"Offset+limit exceeds maximum allowed value of {store.cap}.")
    given = records[: len(records) - store.lost] if store.lost else records
    page = given[offset : offset + limit]
    total = len(records) if asked.get("total") == "true" else None
    more = offset + limit < len(given)
    return JSONResponse(
        {name: page, "limit": limit, "offset": offset, "more": more, "total": total}
    )


def ranged(name, time):
    async def answer(request):
        store = request.app.state.store
        store.requests += 1
        asked = request.query_params
        now = pd.Timestamp("2026-06-01T00:00Z")
        since = pd.Timestamp(asked.get("since", (now - pd.Timedelta(days=30)).isoformat()))
        until = pd.Timestamp(asked.get("until", now.isoformat()))
        if until - since > pd.Timedelta(days=182):
            return refusal("The date range must be less than 6 months.")
        found = [r for r in getattr(store, name) if since <= pd.Timestamp(r[time]) <= until]
        return paged(store, request, name, sorted(found, key=lambda r: (r[time], r["id"])))

    return answer


def whole(name):
    async def answer(request):
        store = request.app.state.store
        store.requests += 1
        if name == "services":
            return paged(store, request, name, store.services)
        held = store.alerts if name == "alerts" else store.entries
        return paged(store, request, name, held.get(request.path_params["id"], []))

    return answer


async def dependencies(request):
    held = request.app.state.store.dependencies
    return JSONResponse({"relationships": held.get(request.path_params["id"], [])})


async def one_incident(request):
    held = {r["id"]: r for r in request.app.state.store.incidents}
    found = held.get(request.path_params["id"])
    if found is None:
        return JSONResponse({"error": {"message": "Not Found", "code": 2100}}, status_code=404)
    return JSONResponse({"incident": found})


def app(store):
    routes = [Route(f"/{name}", ranged(name, time)) for name, time in LISTS.items()]
    routes += [
        Route("/incidents/{id}", one_incident),
        Route("/services", whole("services")),
        Route("/incidents/{id}/alerts", whole("alerts")),
        Route("/incidents/{id}/log_entries", whole("log_entries")),
        Route("/service_dependencies/technical_services/{id}", dependencies),
    ]
    made = Starlette(routes=routes)
    made.state.store = store
    return made
