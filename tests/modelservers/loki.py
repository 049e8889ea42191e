"""A model of Loki's query API over a reference store: forward paging, limits, excluded end."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

COUNT = re.compile(r"sum\(count_over_time\((?P<query>.*) \[(?P<length>\d+)ns\]\)\)", re.DOTALL)
NAMES = re.compile(r'service_name=~"((?:[^"\\]|\\.)*)"')


@dataclass
class Store:
    """Lines as `(ns, labels, text)`; `most` is the largest limit, `lost` lines it never sends."""

    lines: list = field(default_factory=list)
    most: int = 5000
    lost: int = 0
    requests: int = 0


def chosen(store, query):
    found = store.lines
    for pattern in NAMES.findall(query):
        regexp = re.compile(pattern.replace("\\\\", "\\"))
        found = [one for one in found if regexp.fullmatch(one[1].get("service_name", ""))]
    if " |= " in query:
        term = query.partition(' |= "')[2][:-1]
        found = [one for one in found if term in one[2]]
    return found


async def query_range(request):
    store, asked = request.app.state.store, request.query_params
    store.requests += 1
    limit = int(asked.get("limit", 100))
    if limit > store.most:
        text = f"max entries limit per query exceeded, limit > max_entries_limit ({limit})"
        return JSONResponse({"status": "error", "error": text}, status_code=400)
    start, end = int(asked["start"]), int(asked["end"])
    found = [one for one in chosen(store, asked["query"]) if start <= one[0] < end]
    found = sorted(found, key=lambda one: one[0], reverse=asked.get("direction") != "forward")
    found = found[: len(found) - store.lost] if store.lost else found
    streams = defaultdict(list)
    for ns, labels, text in found[:limit]:
        streams[tuple(sorted(labels.items()))].append([str(ns), text])
    result = [{"stream": dict(key), "values": values} for key, values in streams.items()]
    return JSONResponse({"status": "success", "data": {"resultType": "streams", "result": result}})


async def query(request):
    store, asked = request.app.state.store, request.query_params
    store.requests += 1
    match = COUNT.fullmatch(asked["query"])
    end = int(asked["time"])
    start = end - int(match["length"])
    counted = sum(start < one[0] <= end for one in chosen(store, match["query"]))
    result = [{"metric": {}, "value": [end / 1e9, str(counted)]}] if counted else []
    return JSONResponse({"status": "success", "data": {"resultType": "vector", "result": result}})


def app(store):
    made = Starlette(
        routes=[Route("/loki/api/v1/query_range", query_range), Route("/loki/api/v1/query", query)]
    )
    made.state.store = store
    return made
