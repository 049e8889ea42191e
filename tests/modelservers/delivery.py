"""Models of GitHub's deployments API (Link paging, newest first) and Argo CD's applications."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


@dataclass
class Store:
    deployments: dict = field(default_factory=dict)
    statuses: dict = field(default_factory=dict)
    applications: object = None
    requests: list = field(default_factory=list)


def linked(request, records):
    asked = dict(request.query_params)
    size, page = min(int(asked.get("per_page", 30)), 100), int(asked.get("page", 1))
    part = records[(page - 1) * size : page * size]
    links = ['<https://elsewhere.example/x?page=1>; rel="first"']
    if page * size < len(records):
        query = urlencode({**asked, "page": page + 1})
        links.append(f'<https://elsewhere.example{request.url.path}?{query}>; rel="next"')
    return JSONResponse(part, headers={"link": ", ".join(links)})


async def deployments(request):
    store = request.app.state.store
    store.requests.append(str(request.url.path))
    place = "{owner}/{name}".format(**request.path_params)
    if place not in store.deployments:
        return JSONResponse({"message": "Not Found"}, status_code=404)
    newest = sorted(store.deployments[place], key=lambda d: d["created_at"], reverse=True)
    return linked(request, newest)


async def statuses(request):
    return linked(request, request.app.state.store.statuses.get(request.path_params["id"], []))


async def applications(request):
    return JSONResponse(request.app.state.store.applications)


def app(store):
    base = "/repos/{owner}/{name}/deployments"
    made = Starlette(
        routes=[
            Route(base, deployments),
            Route(base + "/{id:int}/statuses", statuses),
            Route("/api/v1/applications", applications),
        ]
    )
    made.state.store = store
    return made
