"""One service: instrumented handlers and instrumented calls to its peers."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.status import StatusCode
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from workbench.gameday.shop.config import HOST
from workbench.gameday.shop.instruments import Instruments

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from types import TracebackType

    from opentelemetry.trace import Span
    from starlette.requests import Request

    from workbench.gameday.shop.config import ShopConfig
    from workbench.gameday.shop.telemetry import Telemetry

    Json = dict[str, Any]
    Handler = Callable[[Request], Awaitable[Json]]
    Control = Callable[[Request], Awaitable[Response]]

__all__ = ["DatabaseCall", "Refused", "Service", "Unavailable"]

_PROPAGATOR = TraceContextTextMapPropagator()


class Refused(Exception):
    """The request is answered with a client error: nothing is broken."""

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        super().__init__(reason)


class Unavailable(Exception):
    """A peer or resource failed, so this request fails."""

    def __init__(self, reason: str, status: int = 502) -> None:
        self.status = status
        super().__init__(reason)


class DatabaseCall:
    """Context around one operation on a store: its span, and its duration in the histogram."""

    def __init__(
        self,
        span: AbstractContextManager[Span],
        instruments: Instruments,
        labels: tuple[str, str],
    ) -> None:
        self._context = span
        self._instruments = instruments
        self._labels = labels
        self._began = time.perf_counter()

    def __enter__(self) -> Span:
        """Give the span."""
        self._span = self._context.__enter__()
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        """Observe the duration, with the error's name if there was one."""
        took = time.perf_counter() - self._began
        failure = kind.__name__ if kind else ""
        if failure:
            self._span.set_attribute("error.type", failure)
        self._instruments.database.labels(*self._labels, failure).observe(took)
        return self._context.__exit__(kind, error, traceback)


@dataclass
class Service:
    """What a service's code is written against.

    Parameters
    ----------
    name, version
        Its identity; the version decides which code path runs.
    config
        Addresses of its peers.
    telemetry
        Spans and logs.
    """

    name: str
    version: str
    config: ShopConfig
    telemetry: Telemetry
    instruments: Instruments = field(default_factory=Instruments)
    handlers: dict[str, Handler] = field(default_factory=dict)
    controls: dict[str, Control] = field(default_factory=dict)
    resources: list[Callable[[], AbstractAsyncContextManager[Any]]] = field(default_factory=list)
    http: httpx.AsyncClient = field(init=False)
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Seed the service's own dice from its name, so runs differ only in timing."""
        self.dice = random.Random(f"{self.name} {self.version}")  # noqa: S311 - not a secret

    def route(self, key: str) -> Callable[[Handler], Handler]:
        """Register a handler under ``"METHOD /path/{name}"``."""

        def register(handler: Handler) -> Handler:
            self.handlers[key] = handler
            return handler

        return register

    def control(self, path: str) -> Callable[[Control], Control]:
        """Register a switch the game day turns; it leaves no telemetry."""

        def register(handler: Control) -> Control:
            self.controls[path] = handler
            return handler

        return register

    async def work(self, seconds: float, spread: float = 0.25) -> float:
        """Wait like real work does: lognormal around a mean; return the seconds."""
        took = seconds * math.exp(self.dice.gauss(-spread * spread / 2, spread))
        await asyncio.sleep(took)
        return took

    def note(self, body: str, attributes: Mapping[str, str | int] | None = None) -> int:
        """Log at INFO."""
        return self.telemetry.log(logging.INFO, body, attributes=attributes)

    def warn(self, body: str) -> int:
        """Log at WARN."""
        return self.telemetry.log(logging.WARNING, body)

    async def call(
        self,
        peer: str,
        key: str,
        *,
        names: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        timeout_s: float = 10.0,
    ) -> Json:
        """Call a peer's route under a client span and return its JSON.

        Parameters
        ----------
        peer
            Service to call.
        key
            ``"METHOD /path/{name}"``.
        names
            What to put for the names in the path.
        body
            Sent as JSON.
        timeout_s
            Seconds to wait for the answer.

        Raises
        ------
        Unavailable
            If the peer fails, cannot be reached or is too slow.
        Refused
            If the peer answers with a client error.
        """
        method, path = key.split(" ", 1)
        url = self.config.url(peer) + path.format(**(names or {}))
        began, status = time.perf_counter(), "none"
        try:
            with self.telemetry.span(
                method, SpanKind.CLIENT, attributes=self._calling(method, peer)
            ) as span:
                headers: dict[str, str] = {}
                _PROPAGATOR.inject(headers)
                request = self.http.build_request(
                    method, url, headers=headers, json=body, timeout=timeout_s
                )
                answer = await self._send(request, timeout_s)
                status = str(answer.status_code)
                span.set_attribute("http.response.status_code", answer.status_code)
                if answer.status_code >= HTTPStatus.BAD_REQUEST:
                    span.set_status(StatusCode.ERROR)
        finally:
            took = time.perf_counter() - began
            self.instruments.client.labels(method, peer, status).observe(took)
        return _read(peer, answer)

    def database(self, system: str, operation: str, table: str = "") -> DatabaseCall:
        """Span and histogram around one operation on PostgreSQL or Redis."""
        attributes: dict[str, str | int | bool] = {
            "db.system.name": system,
            "db.operation.name": operation,
            "service.peer.name": system,
            "server.address": HOST,
            "server.port": self.config.ports[system],
        }
        if table:
            attributes |= {"db.collection.name": table, "db.namespace": "shop"}
        name = f"{operation} {table}".strip()
        span = self.telemetry.span(name, SpanKind.CLIENT, attributes=attributes)
        return DatabaseCall(span, self.instruments, (system, operation))

    def _calling(self, method: str, peer: str) -> dict[str, str | int]:
        return {
            "http.request.method": method,
            "service.peer.name": peer,
            "server.address": HOST,
            "server.port": self.config.ports[peer],
        }

    async def _send(self, request: httpx.Request, timeout_s: float) -> httpx.Response:
        try:
            return await self.http.send(request)
        except httpx.TransportError as error:
            failure = type(error).__name__
            trace.get_current_span().set_attribute("error.type", failure)
            if isinstance(error, httpx.TimeoutException):
                reason = f"no answer within {timeout_s:g} s"
                raise Unavailable(reason, 504) from error
            reason = f"transport failed: {failure}"
            raise Unavailable(reason) from error

    def app(self) -> Starlette:
        """Build the ASGI application: the handlers, ``/metrics`` and the controls."""

        async def metrics(_: Request) -> Response:
            content = generate_latest(self.instruments.registry)
            return Response(content, media_type=CONTENT_TYPE_LATEST)

        async def health(_: Request) -> Response:
            return PlainTextResponse(self.version)

        routes = [Route("/metrics", metrics), Route("/health", health)]
        routes += [Route(f"/-/{p}", h, methods=["POST"]) for p, h in self.controls.items()]
        for key, handler in self.handlers.items():
            method, path = key.split(" ", 1)
            routes.append(Route(path, self._instrumented(key, handler), methods=[method]))
        return Starlette(routes=routes, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
            client = httpx.AsyncClient(limits=limits, trust_env=False)
            self.http = await stack.enter_async_context(client)
            for resource in self.resources:
                await stack.enter_async_context(resource())
            yield
        self.telemetry.close()

    def _instrumented(self, key: str, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        method, path = key.split(" ", 1)
        attributes = {"http.request.method": method, "http.route": path}

        async def endpoint(request: Request) -> Response:
            parent = _PROPAGATOR.extract(dict(request.headers))
            began = time.perf_counter()
            with self.telemetry.span(
                key, SpanKind.SERVER, attributes=attributes, parent=parent
            ) as span:
                response = await self._answered(handler, request)
                span.set_attribute("http.response.status_code", response.status_code)
                if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    span.set_status(StatusCode.ERROR)
            took = time.perf_counter() - began
            status = str(response.status_code)
            self.instruments.server.labels(method, path, status).observe(took)
            return response

        return endpoint

    async def _answered(self, handler: Handler, request: Request) -> Response:
        try:
            return JSONResponse(await handler(request))
        except Refused as refused:
            return JSONResponse({"reason": str(refused)}, refused.status)
        except Unavailable as error:
            self.telemetry.log(logging.ERROR, f"request failed: {error}", error=error)
            return JSONResponse({"reason": str(error)}, error.status)


def _read(peer: str, answer: httpx.Response) -> Json:
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        reason = f"{peer} answered {answer.status_code}"
        raise Unavailable(reason)
    content: Json = answer.json()
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        raise Refused(answer.status_code, str(content.get("reason", "")))
    return content
