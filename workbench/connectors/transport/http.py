"""HTTP as every connector needs it: whole answers or a named error, within a deadline.

An answer counts only when it is JSON, of the length it promised, with a type that says so.
What may pass (5xx, 429, resets, cut bodies, an HTML page in place of an answer) is asked for
again, with backoff, as long as the budget and the deadline allow. Credentials are read from
where they lie for each request and stand in nothing that is ever shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import re
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin, urlsplit

import httpx
import pydantic

from workbench.connectors.transport.bodies import ACCEPTED, parsed_json, unpacked
from workbench.connectors.transport.retry import RetryBudget, Transient, attempts, retry_after_s
from workbench.connectors.transport.secret import Auth, header_secret, is_reference, read_secret
from workbench.connectors.transport.ssrf_guard import HostGuard, check_url
from workbench.connectors.transport.tls import tls_fault, trusted
from workbench.errors import SourceGarbled, SourceRefused, SourceUnreachable
from workbench.moved import renamed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Sequence
    from typing import TypeAlias

    Pairs: TypeAlias = "Mapping[str, str] | Sequence[tuple[str, str]]"

__all__ = ["Http", "HttpClient", "HttpSettings", "Response"]

if not TYPE_CHECKING:
    __getattr__ = renamed(__name__, {"Asks": "HttpClient", "Answer": "Response"})

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
# What may stand in a file: tenants, languages, kinds of content. Any other value is a secret.
_HARMLESS_HEADERS = frozenset(
    {
        "accept",
        "accept-language",
        "cache-control",
        "content-type",
        "from",
        "prefer",
        "user-agent",
        "x-atlassian-token",
        "x-correlation-id",
        "x-database-name",
        "x-grafana-org-id",
        "x-org-id",
        "x-request-id",
        "x-scope-orgid",
        "x-tenant",
        "x-tenant-id",
        "x-thanos-tenant",
    }
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_SHOWN = 200
_ENDS: contextvars.ContextVar[float] = contextvars.ContextVar("ends", default=float("inf"))


class HttpSettings(pydantic.BaseModel):
    """Settings of every source that speaks HTTP; a connector's own settings inherit them.

    Parameters
    ----------
    url
        Where the source answers, with the path before its API if there is one.
    auth
        How it knows who asks; secrets by reference only.
    headers
        Sent with each request. The value of one that is known to be harmless, such as a tenant,
        stands here; that of any other is a reference, as `auth` has it (``env:NAME``).
    ca_file
        Certificates to trust instead of the system's.
    timeout_s
        Longest silence while connecting or reading.
    deadline_s
        Longest time for one fetch, all its requests and retries together.
    cap_mb
        Largest answer to one request, unpacked.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: str = pydantic.Field(description="where the source answers")
    auth: Auth = pydantic.Field(default=Auth(), description="how it knows who asks")
    headers: dict[str, str] = pydantic.Field(
        default_factory=dict, repr=False, description="sent each time"
    )
    ca_file: Path | None = pydantic.Field(default=None, description="certificates to trust")
    timeout_s: float = pydantic.Field(default=10.0, gt=0, le=600, description="longest silence")
    deadline_s: float = pydantic.Field(default=60.0, gt=0, le=3600, description="of one fetch")
    cap_mb: float = pydantic.Field(default=256.0, gt=0, le=4096, description="largest answer")

    @pydantic.field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        try:
            return check_url(url).rstrip("/")
        except SourceRefused as error:
            raise ValueError(str(error)) from None

    @pydantic.field_validator("headers")
    @classmethod
    def _harmless(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _TOKEN.fullmatch(name):
                message = f"{name!r} is no name of a header"
                raise ValueError(message)
            known = name.lower() in _HARMLESS_HEADERS
            if known and not (value.isascii() and value.isprintable()):
                message = f"the value of {name} holds characters that no header can hold"
                raise ValueError(message)
            if not known and not is_reference(value):
                message = f"the value of {name} may be a secret: write it as auth, or by reference"
                raise ValueError(message)
        return headers


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer of a source.

    Parameters
    ----------
    payload
        The JSON it sent.
    headers
        Its headers, names in lower case.
    requests
        Requests it took, retries included.
    seconds
        Time it took, pauses included.
    status
        HTTP status, 200–299.
    """

    payload: Any
    headers: Mapping[str, str] = field(repr=False)
    requests: int
    seconds: float
    status: int


class HttpClient(Protocol):
    """What a connector needs of `Http`; a test may hand in anything that answers."""

    async def json(
        self,
        method: str,
        path: str,
        *,
        params: Pairs = (),
        form: Pairs = (),
        body: object | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Ask for JSON."""
        ...

    def fetching(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Give all requests inside one deadline."""
        ...

    async def aclose(self) -> None:
        """Give back connections."""
        ...


class Http:
    """A client of one source.

    Parameters
    ----------
    settings
        Address, credentials by reference, limits.
    transport
        For tests: what carries requests instead of the network.
    """

    def __init__(
        self, settings: HttpSettings, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.settings = settings
        self.budget = RetryBudget()
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._guard = HostGuard()

    def __repr__(self) -> str:
        """Name the source's address."""
        return f"Http({self.settings.url!r})"

    async def json(
        self,
        method: str,
        path: str,
        *,
        params: Pairs = (),
        form: Pairs = (),
        body: object | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Ask for JSON, again where that may help.

        Parameters
        ----------
        method, path
            For example ``"GET"``, ``"/api/v1/query"``; the path follows the source's URL.
        params, form
            Of the query string, and of an URL-encoded body.
        body
            Sent as JSON where given.
        headers
            Beside those of the settings.

        Raises
        ------
        SourceRefused
            The source said no, with its `status` and `payload`; or an address is not allowed.
        SourceUnreachable
            No whole answer in time.
        SourceGarbled
            What came was not JSON, was cut short, or was a page.
        WindowTooLarge
            The answer is larger than the cap.
        """
        begun = time.monotonic()
        ends = min(begun + self.settings.deadline_s, _ENDS.get())
        sent = _Sent(method, path, _pairs(params), _pairs(form), body, dict(headers or {}))
        self.budget.asked()
        tries = 0
        try:
            async for attempt in attempts(self.budget, ends):
                with attempt:
                    tries += 1
                    status, told, payload = await self._once(sent, ends)
        except Transient as failed:
            raise failed.error from None
        return Response(payload, told, tries, time.monotonic() - begun, status)

    @contextlib.asynccontextmanager
    async def fetching(self) -> AsyncIterator[None]:
        """Give all requests inside one deadline: that of the settings, from now on."""
        mark = _ENDS.set(min(time.monotonic() + self.settings.deadline_s, _ENDS.get()))
        try:
            yield
        finally:
            _ENDS.reset(mark)

    async def aclose(self) -> None:
        """Give back connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _once(self, sent: _Sent, ends: float) -> tuple[int, dict[str, str], Any]:
        left = ends - time.monotonic()
        if left <= 0:
            raise _out_of_time(self.settings)
        try:
            async with asyncio.timeout(left):
                return await self._followed(sent)
        except TimeoutError:
            raise _out_of_time(self.settings) from None
        except httpx.TransportError as error:
            if (fault := tls_fault(error, self.settings.url)) is not None:
                raise fault from None  # it will not pass
            raise Transient(_lost(self.settings, error)) from None
        except (httpx.RequestError, httpx.InvalidURL, UnicodeError) as error:
            fact = "A request that cannot be made"
            hint = type(error).__name__  # its words may hold what was sent
            raise SourceRefused(fact, value=self.settings.url, hint=hint) from None

    async def _followed(self, sent: _Sent) -> tuple[int, dict[str, str], Any]:
        url = self.settings.url + sent.path
        for _ in range(_MOST_REDIRECTS + 1):
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            host = parts.hostname or ""
            addresses = await self._guard.addresses(host, port)
            async with self._sent(sent, url, host, addresses) as response:
                if response.status_code not in _REDIRECTS:
                    return await self._read(response)
                url = _redirected(url, response, sent.method)
        raise SourceRefused(fact="Redirected in a ring", value=self.settings.url)

    @contextlib.asynccontextmanager
    async def _sent(
        self, sent: _Sent, url: str, host: str, addresses: tuple[str, ...]
    ) -> AsyncIterator[httpx.Response]:
        """Send to the addresses that were checked, one after the other, under the host's name."""
        client, target = self._open(), httpx.URL(url)
        for address in addresses:
            request = client.build_request(
                sent.method,
                target.copy_with(host=address),
                params=sent.query,
                headers={"host": _host_header(target), **sent.headers},
                extensions={"sni_hostname": host},
                **sent.content,
            )
            try:
                response = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if address == addresses[-1] or tls_fault(error, url) is not None:
                    raise
                continue
            try:
                yield response
            finally:
                await response.aclose()
            return

    async def _read(self, response: httpx.Response) -> tuple[int, dict[str, str], Any]:
        status, headers = response.status_code, dict(response.headers)
        data = await self._body(response, headers.get("content-encoding", ""))
        if status in _PASSING:
            error = SourceUnreachable(f"The source answered {status}", value=_shown(data))
            raise Transient(error, retry_after_s(headers))
        payload, readable = parsed_json(data)
        if not httpx.codes.is_success(status):
            said = _shown(data) if not _is_page(data) else "a page of HTML"
            hint = "Check its credentials" if status in {401, 403} else ""
            raise SourceRefused(
                fact=f"The source answered {status}",
                value=said,
                hint=hint,
                status=status,
                payload=payload,
            )
        if _is_page(data):
            hint = "Is this the address of a log-in page?"
            raise Transient(SourceGarbled("A page of HTML in place of an answer", hint=hint))
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise Transient(SourceGarbled("An answer of the wrong type", value=kind or "none"))
        if not readable:
            raise Transient(SourceGarbled("An answer that is not JSON", value=_shown(data)))
        return status, headers, payload

    async def _body(self, response: httpx.Response, encoding: str) -> bytes:
        cap = int(self.settings.cap_mb * 1_000_000)
        try:
            return await unpacked(response.aiter_raw(), encoding, cap_bytes=cap)
        except SourceGarbled as error:  # damaged on the way: it may pass
            raise Transient(error) from error

    def _open(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(
                auth=_Credentials(self.settings),
                headers={"accept": "application/json", "accept-encoding": ACCEPTED},
                timeout=self.settings.timeout_s,
                verify=trusted(self.settings.ca_file),
                transport=self._transport,
                follow_redirects=False,
                trust_env=False,
            )
        return self._client


@dataclass(frozen=True, slots=True)
class _Sent:
    method: str
    path: str
    params: list[tuple[str, str]]
    form: list[tuple[str, str]]
    body: object | None
    headers: dict[str, str]

    @property
    def query(self) -> httpx.QueryParams | None:
        return httpx.QueryParams(tuple(self.params)) if self.params else None

    @property
    def content(self) -> dict[str, Any]:
        if self.body is not None:
            return {"json": self.body}
        return {"data": _form(self.form)} if self.form else {}


class _Credentials(httpx.Auth):
    """Puts credentials on a request as it leaves: no client and no error ever holds them."""

    def __init__(self, settings: HttpSettings) -> None:
        self._auth, self._headers = settings.auth, settings.headers

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign one request."""
        for name, value in self._headers.items():
            harmless = name.lower() in _HARMLESS_HEADERS
            request.headers.setdefault(name, value if harmless else header_secret(value))
        auth = self._auth
        if auth.kind == "basic":
            pair = f"{auth.user}:{read_secret(auth.secret or '')}".encode()
            request.headers["authorization"] = f"Basic {b64encode(pair).decode()}"
            del pair
        elif auth.kind == "bearer":
            request.headers["authorization"] = f"Bearer {header_secret(auth.secret or '')}"
        elif auth.kind == "header":
            request.headers[auth.name] = header_secret(auth.secret or "")
        yield request


def _pairs(values: Pairs) -> list[tuple[str, str]]:
    pairs = values.items() if isinstance(values, Mapping) else values
    return [(str(name), str(value)) for name, value in pairs]


def _form(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form


def _host_header(url: httpx.URL) -> str:
    """Write a host as a request names it, with its port where that is not the usual one."""
    name = url.host if ":" not in url.host else f"[{url.host}]"
    return name if url.port is None else f"{name}:{url.port}"


def _redirected(url: str, response: httpx.Response, method: str) -> str:
    target: str = urljoin(url, response.headers.get("location", ""))
    here, there = urlsplit(url), urlsplit(target)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        hint = "Credentials are not carried to another place; use its address if it is right"
        raise SourceRefused(
            fact="Redirected to another place",
            value=there.hostname,
            hint=hint,
            status=response.status_code,
        )
    if method != "GET" and response.status_code not in {307, 308}:
        raise SourceRefused(
            fact="A question with a body was redirected",
            value=there.path,
            status=response.status_code,
        )
    return target


def _out_of_time(settings: HttpSettings) -> SourceUnreachable:
    hint = f"The deadline is {settings.deadline_s:g} s; ask for less, or raise deadline_s"
    return SourceUnreachable("No whole answer in time", value=settings.url, hint=hint)


def _lost(settings: HttpSettings, error: httpx.TransportError) -> SourceUnreachable | SourceGarbled:
    words = type(error).__name__
    if isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError):
        return SourceGarbled("An answer that was cut short", value=settings.url, hint=words)
    return SourceUnreachable("The source cannot be reached", value=settings.url, hint=words)


def _is_page(data: bytes) -> bool:
    start = data.lstrip()[:32].lower()
    return start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body"))


def _shown(data: bytes) -> str:
    return data[:_SHOWN].decode("utf-8", "replace").strip()
