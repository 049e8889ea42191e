"""A model of the Kubernetes API's lists: chunks, continue tokens that expire, resource versions."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


@dataclass
class Store:
    """Objects by kind; the first `gone` continuations answer 410."""

    events: list = field(default_factory=list)
    pods: list = field(default_factory=list)
    replicasets: list = field(default_factory=list)
    gone: int = 0
    requests: int = 0


def listing(name):
    async def answer(request):
        store, asked = request.app.state.store, request.query_params
        store.requests += 1
        start, limit = int(asked.get("continue", 0)), int(asked.get("limit", 10**6))
        if start and store.gone:
            store.gone -= 1
            status = {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410}
            return JSONResponse(status, status_code=410)
        held = getattr(store, name)
        metadata = {"resourceVersion": "7"}
        if start + limit < len(held):
            metadata["continue"] = str(start + limit)
        return JSONResponse(
            {"kind": "List", "metadata": metadata, "items": held[start : start + limit]}
        )

    return answer


def app(store):
    made = Starlette(
        routes=[
            Route("/api/v1/events", listing("events")),
            Route("/api/v1/pods", listing("pods")),
            Route("/apis/apps/v1/replicasets", listing("replicasets")),
        ]
    )
    made.state.store = store
    return made
