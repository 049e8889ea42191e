"""Models of Jaeger (v3 and its pages' API), Tempo and Zipkin over one store of calls.

As documented: answers hold at most ``limit`` traces, the newest ones, and say nothing of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


@dataclass
class Store:
    """Traces: id to its spans `(span id, parent, service, kind, start ns, length ns, failed)`."""

    traces: dict = field(default_factory=dict)
    partial: set = field(default_factory=set)
    requests: int = 0


def chosen(request, start_ns, end_ns, *, service="", limit=10):
    store = request.app.state.store
    store.requests += 1
    found = [
        (max(s[4] for s in spans), name)
        for name, spans in store.traces.items()
        if any(start_ns <= s[4] < end_ns and (not service or s[2] == service) for s in spans)
    ]
    return [name for _, name in sorted(found, reverse=True)[:limit]]


def otlp(name, spans):
    groups = []
    for one, parent, service, kind, start, length, failed in spans:
        told = [{"key": "service.name", "value": {"stringValue": service}}]
        span = {
            "traceId": name,
            "spanId": one,
            "parentSpanId": parent,
            "name": "op",
            "kind": {"server": 2, "client": 3}[kind],
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + length),
            "status": {"code": 2} if failed else {},
        }
        groups.append({"resource": {"attributes": told}, "scopeSpans": [{"spans": [span]}]})
    return groups


async def zipkin_traces(request):
    asked, store = request.query_params, request.app.state.store
    end = int(asked["endTs"]) * 10**6
    names = chosen(
        request, end - int(asked["lookback"]) * 10**6, end + 1, limit=int(asked.get("limit", 10))
    )
    return JSONResponse(
        [
            [
                {
                    "traceId": name,
                    "id": s[0],
                    **({"parentId": s[1]} if s[1] else {}),
                    "name": "op",
                    "kind": s[3].upper(),
                    "timestamp": s[4] // 1000,
                    "duration": s[5] // 1000,
                    "localEndpoint": {"serviceName": s[2]},
                    "tags": {"error": "x"} if s[6] else {},
                }
                for s in store.traces[name]
            ]
            for name in names
        ]
    )


def counted(store):
    calls = {}
    for spans in store.traces.values():
        known = {s[0]: s[2] for s in spans}
        for s in spans:
            if s[1] in known and known[s[1]] != s[2]:
                calls[known[s[1]], s[2]] = calls.get((known[s[1]], s[2]), 0) + 1
    return [{"parent": a, "child": b, "callCount": str(n)} for (a, b), n in calls.items()]


async def dependencies(request):
    return JSONResponse(counted(request.app.state.store))


async def wrapped(request):
    return JSONResponse({"data": counted(request.app.state.store), "errors": None})


def names_of(store):
    return sorted({s[2] for spans in store.traces.values() for s in spans})


async def v3_services(request):
    return JSONResponse({"services": names_of(request.app.state.store)})


async def ui_services(request):
    return JSONResponse({"data": names_of(request.app.state.store)})


async def v3_traces(request):
    asked, store = request.query_params, request.app.state.store
    ends = [pd.Timestamp(asked[f"query.startTime{end}"]).value for end in ("Min", "Max")]
    names = chosen(
        request,
        *ends,
        service=asked["query.serviceName"],
        limit=int(asked.get("query.searchDepth", 20)),
    )
    groups = [group for name in names for group in otlp(name, store.traces[name])]
    return JSONResponse({"result": {"resourceSpans": groups}})


async def ui_traces(request):
    asked, store = request.query_params, request.app.state.store
    names = chosen(
        request,
        int(asked["start"]) * 1000,
        int(asked["end"]) * 1000,
        service=asked["service"],
        limit=int(asked.get("limit", 20)),
    )
    data = [
        {
            "traceID": name,
            "spans": [
                {
                    "traceID": name,
                    "spanID": s[0],
                    "operationName": "op",
                    "references": [{"refType": "CHILD_OF", "traceID": name, "spanID": s[1]}]
                    if s[1]
                    else [],
                    "startTime": s[4] // 1000,
                    "duration": s[5] // 1000,
                    "tags": [{"key": "span.kind", "value": s[3]}, {"key": "error", "value": s[6]}],
                    "processID": s[2],
                }
                for s in store.traces[name]
            ],
            "processes": {s[2]: {"serviceName": s[2], "tags": []} for s in store.traces[name]},
        }
        for name in names
    ]
    return JSONResponse({"data": data, "errors": None})


async def tempo_search(request):
    asked = request.query_params
    query = asked["q"]
    service = query.partition('resource.service.name = "')[2].partition('"')[0]
    names = chosen(
        request,
        int(asked["start"]) * 10**9,
        int(asked["end"]) * 10**9,
        service=service,
        limit=int(asked.get("limit", 20)),
    )
    return JSONResponse({"traces": [{"traceID": name} for name in names], "metrics": {}})


async def tempo_trace(request):
    store, name = request.app.state.store, request.path_params["id"]
    answer = {"trace": {"resourceSpans": otlp(name, store.traces[name])}}
    if name in store.partial:
        answer |= {"status": "PARTIAL", "message": "trace too large"}
    return JSONResponse(answer)


def app(store):
    made = Starlette(
        routes=[
            Route("/api/v2/traces", zipkin_traces),
            Route("/api/v2/dependencies", dependencies),
            Route("/api/v3/services", v3_services),
            Route("/api/v3/traces", v3_traces),
            Route("/api/v3/dependencies", wrapped),
            Route("/api/services", ui_services),
            Route("/api/traces", ui_traces),
            Route("/api/dependencies", wrapped),
            Route("/api/search", tempo_search),
            Route("/api/v2/traces/{id}", tempo_trace),
        ]
    )
    made.state.store = store
    return made
