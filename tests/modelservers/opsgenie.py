"""A model of Opsgenie's API over a reference store: its paging, queries and limits.

As documented: 20 records a page unless asked for and 100 at most, ``offset + limit`` of 20,000
at most, ``paging.next`` where there is another page, newest first unless asked otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pandas as pd
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

QUERY = re.compile(r"createdAt>=(\d+) AND createdAt<(\d+)")


@dataclass
class Store:
    alerts: list = field(default_factory=list)
    incidents: list = field(default_factory=list)
    services: list = field(default_factory=list)
    logs: dict = field(default_factory=dict)
    cap: int = 20_000
    refused: int = 0


def milliseconds(record):
    return pd.Timestamp(record["createdAt"]).value // 10**6


def listing(name):
    async def answer(request):
        store = request.app.state.store
        asked = dict(request.query_params)
        limit, offset = min(int(asked.get("limit", 20)), 100), int(asked.get("offset", 0))
        if limit + offset > store.cap:
            store.refused += 1
            text = f"Sum of offset and limit should be lower than {store.cap}"
            return JSONResponse({"message": text, "took": 0.001}, status_code=422)
        records = getattr(store, name)
        if "query" in asked:
            low, high = map(int, QUERY.fullmatch(asked["query"]).groups())
            records = [r for r in records if low <= milliseconds(r) < high]
            records = sorted(records, key=lambda r: (r["createdAt"], r["id"]))
            records = records if asked.get("order") == "asc" else records[::-1]
        paging = {"first": "https://elsewhere.example/first"}
        if offset + limit < len(records):
            following = urlencode({**asked, "offset": offset + limit})
            paging["next"] = f"https://elsewhere.example{request.url.path}?{following}"
        page = records[offset : offset + limit]
        return JSONResponse({"data": page, "paging": paging, "took": 0.01, "requestId": "r"})

    return answer


async def logs(request):
    """Logs go on from the offset token of the last entry."""
    held = request.app.state.store.logs.get(request.path_params["id"], [])
    asked = dict(request.query_params)
    limit = min(int(asked.get("limit", 20)), 100)
    start = next((n + 1 for n, r in enumerate(held) if r["offset"] == asked.get("offset")), 0)
    page = held[start : start + limit]
    paging = {}
    if start + limit < len(held):
        following = urlencode({**asked, "offset": page[-1]["offset"], "direction": "next"})
        paging["next"] = f"https://elsewhere.example/logs?{following}"
    return JSONResponse({"data": page, "paging": paging})


async def one_incident(request):
    held = {r["id"]: r for r in request.app.state.store.incidents}
    found = held.get(request.path_params["id"])
    if found is None:
        return JSONResponse({"message": "Incident does not exist"}, status_code=404)
    return JSONResponse({"data": found})


def app(store):
    made = Starlette(
        routes=[
            Route("/v2/alerts", listing("alerts")),
            Route("/v2/alerts/{id}/logs", logs),
            Route("/v1/incidents", listing("incidents")),
            Route("/v1/incidents/{id}", one_incident),
            Route("/v1/services", listing("services")),
        ]
    )
    made.state.store = store
    return made
