"""A model of OpenSearch's search over a reference store: points in time, ties, partial answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


@dataclass
class Store:
    """Documents by id; `open` points in time, `shards_failed` and `timed_out` as told."""

    documents: dict = field(default_factory=dict)
    open: dict = field(default_factory=dict)
    shards_failed: int = 0
    timed_out: bool = False
    lost: int = 0
    opened: int = 0


def matches(document, query):
    for one in query["bool"]["filter"]:
        if "range" in one:
            ((name, ends),) = one["range"].items()
            at = pd.Timestamp(document[name])
            if not pd.Timestamp(ends["gte"]) <= at < pd.Timestamp(ends["lt"]):
                return False
        elif "bool" in one:
            names = {
                n
                for should in one["bool"]["should"]
                for n in should.get("terms", {}).get("service.name", [])
            }
            if names and document.get("service.name") not in names:
                return False
    return True


async def point_in_time(request):
    store = request.app.state.store
    store.opened += 1
    name = f"pit{store.opened}"
    store.open[name] = dict(store.documents)
    return JSONResponse({"pit_id": name, "id": name})


async def closed(request):
    body = await request.json()
    for name in body.get("pit_id", [body.get("id")]):
        request.app.state.store.open.pop(name, None)
    return JSONResponse({"succeeded": True})


async def count(request):
    store, body = request.app.state.store, await request.json()
    return JSONResponse({"count": sum(matches(d, body["query"]) for d in store.documents.values())})


async def search(request):
    store, body = request.app.state.store, await request.json()
    held = store.open.get(body["pit"]["id"])
    if held is None:
        return JSONResponse({"error": {"type": "search_context_missing"}}, status_code=404)
    if body["size"] > 10_000:
        return JSONResponse({"error": {"type": "illegal_argument"}}, status_code=400)
    found = sorted((d["@timestamp"], n) for n, d in held.items() if matches(d, body["query"]))
    total = len(found)
    found = found[: total - store.lost] if store.lost else found
    after = body.get("search_after")
    rest = [one for one in found if after is None or list(one) > after][: body["size"]]
    hits = [{"_index": "logs", "_id": n, "_source": held[n], "sort": [at, n]} for at, n in rest]
    return JSONResponse(
        {
            "pit_id": body["pit"]["id"],
            "took": 1,
            "timed_out": store.timed_out,
            "_shards": {
                "total": 2,
                "successful": 2 - store.shards_failed,
                "failed": store.shards_failed,
            },
            "hits": {"total": {"value": total, "relation": "eq"}, "hits": hits},
        }
    )


def app(store):
    made = Starlette(
        routes=[
            Route("/_search", search, methods=["POST"]),
            Route("/{index}/_count", count, methods=["POST"]),
            Route("/_search/point_in_time", closed, methods=["DELETE"]),
            Route("/_pit", closed, methods=["DELETE"]),
            Route("/{index}/_search/point_in_time", point_in_time, methods=["POST"]),
            Route("/{index}/_pit", point_in_time, methods=["POST"]),
        ]
    )
    made.state.store = store
    return made
