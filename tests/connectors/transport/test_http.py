"""One HTTP client for all connectors: whole answers or named errors, nothing in between."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import logging
import subprocess
import sys
import time
import traceback

import httpx
import pytest
from rich.console import Console
from rich.traceback import Traceback

from workbench.connectors.transport import bodies, secret
from workbench.connectors.transport.http import Http, HttpSettings, _redirected
from workbench.errors import SourceGarbled, SourceRefused, SourceUnreachable, WindowTooLarge

OK = b'{"ok": true}'


def reply(body=OK, *, status=200, kind="application/json", length=None, more=()):
    head = [
        f"HTTP/1.1 {status} X",
        f"content-type: {kind}",
        "connection: close",
        f"content-length: {len(body) if length is None else length}",
        *more,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Scripted:
    """A loopback server that gives the scripted answers in turn, the last one for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def _serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.decode())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            if answer is None:
                writer.transport.abort()
            elif callable(answer):
                await answer(writer)
            else:
                writer.write(answer)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


def ask(*answers, path="/x", more=None, **settings):
    async def run():
        async with Scripted(*answers) as server:
            http = Http(HttpSettings(url=server.url, **settings))
            try:
                return await http.json("GET", path, **(more or {})), server
            finally:
                await http.aclose()

    return asyncio.run(run())


def test_a_whole_answer_comes_back_with_what_it_took():
    answer, server = ask(reply(), more={"params": [("a", "1"), ("a", "ü&=")]})
    assert answer.payload == {"ok": True}
    assert (answer.requests, answer.status) == (1, 200)
    assert "/x?a=1&a=%C3%BC%26%3D" in server.asked[0]


@pytest.mark.parametrize(
    "passing",
    [
        reply(status=500),
        reply(status=429),
        None,
        reply(OK, length=4000),
        reply(b"<html>log in</html>"),
        reply(b"<html>log in</html>", kind="text/html"),
        reply(b'{"ok": tr'),
        reply(OK, kind="text/plain"),
    ],
    ids=["500", "429", "reset", "cut", "page", "html", "not json", "wrong type"],
)
def test_what_may_pass_is_asked_again_and_named_where_it_does_not_pass(passing):
    answer, _ = ask(passing, reply())
    assert (answer.payload, answer.requests) == ({"ok": True}, 2)
    with pytest.raises((SourceUnreachable, SourceGarbled)):
        ask(passing)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_no_is_final_and_carries_what_was_said(status):
    body = json.dumps({"error": "no such thing"}).encode()
    with pytest.raises(SourceRefused) as caught:
        ask(reply(body, status=status), reply())
    assert caught.value.status == status
    assert caught.value.payload == {"error": "no such thing"}
    assert "no such thing" in str(caught.value)


@pytest.mark.parametrize("when", ["1", "date"])
def test_retry_after_is_waited_for(when):
    from email.utils import formatdate

    begun = time.time()
    text = formatdate(begun + 2, usegmt=True) if when == "date" else when
    ask(reply(status=503, more=[f"retry-after: {text}"]), reply())
    until = int(begun + 2) if when == "date" else begun + 1
    assert time.time() >= until - 0.1


def test_a_wait_beyond_the_deadline_is_not_begun():
    begun = time.monotonic()
    with pytest.raises(SourceUnreachable):
        ask(reply(status=503, more=["retry-after: 3600"]), deadline_s=60)
    assert time.monotonic() - begun < 30


# Deadlines here are short beside what would be waited without them: a busy machine has room.
async def drip(writer):
    writer.write(reply(OK, length=1_000_000)[: -len(OK)])
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def hang(writer):
    await asyncio.sleep(300)


@pytest.mark.parametrize("slow", [drip, hang])
def test_nothing_takes_longer_than_its_deadline(slow):
    begun = time.monotonic()
    with pytest.raises(SourceUnreachable, match=r"deadline|cannot be reached"):
        ask(slow, deadline_s=0.6, timeout_s=60)
    assert time.monotonic() - begun < 20


def test_requests_of_one_fetch_share_a_deadline():
    async def run():
        async with Scripted(hang) as server:
            http = Http(HttpSettings(url=server.url, deadline_s=0.5))
            async with http.fetching():
                for _ in range(80):
                    with pytest.raises(SourceUnreachable):
                        await http.json("GET", "/")
            await http.aclose()

    begun = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - begun < 20


def test_a_source_that_always_fails_is_not_asked_without_end():
    async def run():
        async with Scripted(reply(status=500)) as server:
            http = Http(HttpSettings(url=server.url))
            for _ in range(20):
                with pytest.raises(SourceUnreachable):
                    await http.json("GET", "/")
            await http.aclose()
            return len(server.asked)

    assert asyncio.run(run()) <= 1.5 * 20 + 3


def test_an_answer_beyond_its_cap_is_refused_even_packed():
    packed = gzip.compress(b"[" + b" " * 3_000_000 + b"]")
    with pytest.raises(WindowTooLarge):
        ask(reply(packed, more=["content-encoding: gzip"]), cap_mb=1)


def test_credentials_are_not_carried_elsewhere(monkeypatch):
    monkeypatch.setenv("WB_TEST_SECRET", "canary-7f3a")
    auth = {"kind": "bearer", "secret": "env:WB_TEST_SECRET"}
    away = reply(b"", status=302, more=["location: http://localhost:9/steal"])
    with pytest.raises(SourceRefused, match="another place"):
        ask(away, auth=auth)
    answer, server = ask(reply(b"", status=307, more=["location: /there"]), reply(), auth=auth)
    assert answer.payload == {"ok": True}
    assert all("canary-7f3a" in head for head in server.asked)


@pytest.mark.parametrize("kind", ["basic", "bearer", "header"])
def test_a_canary_is_in_nothing_that_is_shown(monkeypatch, caplog, kind):
    canary = "c4nary-0b1d-secret"
    monkeypatch.setenv("WB_TEST_SECRET", canary)
    caplog.set_level(logging.DEBUG)
    auth = {"kind": kind, "user": "bob", "name": "x-api-key", "secret": "env:WB_TEST_SECRET"}

    async def run(server):
        http = Http(HttpSettings(url=server.url, auth=auth, deadline_s=1))
        shown = [
            repr(http),
            str(http.settings),
            repr(http.__dict__),
            http.settings.model_dump_json(),
        ]
        try:
            await http.json("GET", "/")
        except SourceUnreachable as error:
            text = io.StringIO()
            console = Console(file=text, width=200)
            kind, trace = type(error), error.__traceback__
            console.print(Traceback.from_exception(kind, error, trace, show_locals=True))
            shown += [text.getvalue(), "".join(traceback.format_exception(error)), repr(error)]
        await http.aclose()
        return shown

    async def both():
        async with Scripted(reply(status=500)) as server:
            return await run(server), server.asked

    shown, asked = asyncio.run(both())
    assert len(shown) > 4
    sent = " ".join(asked)
    assert canary in sent or kind == "basic"
    assert not [text for text in shown if canary in text]
    assert canary not in caplog.text
    assert "authorization: basic" not in caplog.text.lower()


@pytest.mark.slow
def test_200_canaries_are_in_no_refusal(monkeypatch, caplog):
    """RELIABILITY N6: every kind of credential, refused at once and told with all locals."""
    caplog.set_level(logging.DEBUG)

    async def run(server, n):
        kind = ("basic", "bearer", "header")[n % 3]
        auth = {"kind": kind, "user": "bob", "name": "x-api-key", "secret": "env:WB_TEST_SECRET"}
        http = Http(HttpSettings(url=server.url, auth=auth))
        shown = [str(http), repr(http), repr(vars(http)), http.settings.model_dump_json()]
        with pytest.raises(SourceRefused) as refused:
            await http.json("GET", "/")
        error = refused.value
        told = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown += [*told.format(), repr(error)]
        await http.aclose()
        return "\n".join(shown)

    async def all_of_them():
        async with Scripted(reply(status=401)) as server:
            told = []
            for n, canary in enumerate(canaries):
                monkeypatch.setenv("WB_TEST_SECRET", canary)
                told.append(await run(server, n))
            return told

    canaries = [f"c4nary-{n:04d}-s3cret" for n in range(200)]
    shown = "\n".join(asyncio.run(all_of_them())) + caplog.text
    forms = {
        form
        for canary in canaries
        for form in (canary, base64.b64encode(f"bob:{canary}".encode()).decode())
    }
    assert not [form for form in forms if form in shown]


def test_a_secret_itself_is_refused_and_not_repeated():
    for settings in (
        {"auth": {"kind": "bearer", "secret": "c4nary-literal"}},
        {"headers": {"Authorization": "Bearer c4nary-literal"}},
        {"url": "http://bob:c4nary-literal@127.0.0.1/"},
    ):
        with pytest.raises(ValueError, match=r"reference|auth") as caught:
            HttpSettings(**{"url": "http://127.0.0.1", **settings})
        if "headers" not in settings:
            assert "auth" in str(caught.value).lower()


def test_a_cancelled_request_is_back_at_once():
    async def run():
        async with Scripted(hang) as server:
            http = Http(HttpSettings(url=server.url))
            task = asyncio.create_task(http.json("GET", "/"))
            while not server.asked:
                await asyncio.sleep(0.01)
            begun = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await http.aclose()
            return time.monotonic() - begun

    assert asyncio.run(run()) < 20


def gzipped(data, times=1):
    for _ in range(times):
        data = gzip.compress(data, 9)
    return data


def test_a_packed_answer_is_unpacked_in_however_many_members():
    packed = gzipped(OK[:5]) + gzipped(OK[5:])
    answer, server = ask(reply(packed, more=["content-encoding: gzip"]))
    assert answer.payload == {"ok": True}
    assert "accept-encoding: gzip\r\n" in server.asked[0], "nothing else is asked for"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzipped(OK)[:-8] + b"\0" * 8, "gzip"),
        (gzipped(OK)[:-4], "gzip"),
        (gzipped(OK)[:12], "gzip"),
        (OK, "gzip"),
        (gzipped(OK, 2), "gzip, gzip"),
        (OK, "br"),
        (OK, "deflate"),
    ],
    ids=["wrong CRC", "no end", "cut", "not gzip", "twice", "brotli", "deflate"],
)
def test_an_answer_that_cannot_be_unpacked_is_garbled(body, encoding):
    with pytest.raises(SourceGarbled):
        ask(reply(body, more=[f"content-encoding: {encoding}"]), deadline_s=3)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "gzip,gzip,gzip"])
def test_what_is_packed_takes_neither_memory_nor_time(encoding):
    """RELIABILITY N9: 16.6 KB took 5.6 GB and 39 s."""
    bomb = gzipped(b" " * 300_000_000, encoding.count("gzip"))
    script = f"""
import asyncio, resource, sys
from workbench.connectors.transport.bodies import unpacked
from workbench.errors import WorkbenchError

async def pieces():
    yield sys.stdin.buffer.read()

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    asyncio.run(unpacked(pieces(), "{encoding}", cap_bytes=20_000_000))
except WorkbenchError as error:
    print(type(error).__name__, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    begun = time.process_time()
    done = subprocess.run(
        [sys.executable, "-c", script], input=bomb, capture_output=True, check=True
    )
    name, kilobytes = done.stdout.split()
    assert name in {b"WindowTooLarge", b"SourceGarbled"}
    assert int(kilobytes) < 80_000
    assert time.process_time() - begun < 20


def test_json_of_too_many_values_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(bodies, "_MANY", 1000)
    monkeypatch.setattr(bodies, "MOST_VALUES", 1000)
    bodies.check_values(b"[" + b" " * 5000 + b"]")
    for bomb in (b"[" * 1200 + b"]" * 1200, b"[" + b"0," * 1500 + b"0]", b'{"a":{},' * 800):
        with pytest.raises(WindowTooLarge, match="values"):
            bodies.check_values(bomb)
        with pytest.raises(WindowTooLarge, match="values"):
            bodies.check_values(bomb.decode())
        with pytest.raises(WindowTooLarge):
            ask(reply(bomb))


ODD_SECRETS = {
    "not UTF-8": "c4nary\udcff0b1d",
    "a line break": "c4nary-0b1d\n",
    "two lines": "c4nary\r\nX-Evil: 0b1d",
    "a control character": "c4nary\x1b[2J0b1d",
    "beyond ASCII": "c4nary-ü-0b1d",
    "blanks": " c4nary-0b1d ",
}


@pytest.mark.parametrize("kind", ["basic", "bearer", "header", "free header"])
@pytest.mark.parametrize("odd", ODD_SECRETS)
def test_an_odd_secret_is_in_nothing_that_is_shown(monkeypatch, caplog, kind, odd):
    """RELIABILITY N10: it stood in coverage, repr, HTML, the saved bundle and DEBUG logs."""
    canary = ODD_SECRETS[odd]
    monkeypatch.setattr(secret, "_READERS", {**secret._READERS, "env": lambda _: canary})
    caplog.set_level(logging.DEBUG)
    reference = "env:WB_TEST_SECRET"
    auth = {"kind": kind, "user": "bob", "name": "x-api-key", "secret": reference}
    free = kind == "free header"
    more = {"headers": {"X-Team-Key": reference}} if free else {"auth": auth}
    if kind == "basic" and odd in {"beyond ASCII", "blanks"}:
        ask(reply(), **more)  # base64 holds them
    else:
        with pytest.raises(SourceRefused) as caught:
            ask(reply(), **more)
        told = traceback.TracebackException.from_exception(caught.value)
        assert "0b1d" not in "".join([*told.format(), repr(caught.value), str(caught.value)])
        assert reference in str(caught.value), "which one it is"
    assert "0b1d" not in caplog.text


def test_a_header_that_nobody_knows_to_be_harmless_is_a_secret(monkeypatch):
    monkeypatch.setenv("WB_TEST_SECRET", "c4nary-0b1d")
    with pytest.raises(ValueError, match="X-Team-Key may be a secret") as caught:
        HttpSettings(url="http://127.0.0.1", headers={"X-Team-Key": "c4nary-0b1d"})
    assert "0b1d" not in str(caught.value)
    with pytest.raises(ValueError, match="no name of a header"):
        HttpSettings(url="http://127.0.0.1", headers={"a b": "env:X"})
    chosen = {"X-Scope-OrgID": "shop", "X-Team-Key": "env:WB_TEST_SECRET"}
    _, server = ask(reply(), headers=chosen)
    assert "X-Scope-OrgID: shop" in server.asked[0]
    assert "X-Team-Key: c4nary-0b1d" in server.asked[0]
    assert "shop" not in repr(HttpSettings(url="http://127.0.0.1", headers=chosen))


def test_from_https_to_http_no_credentials_are_carried(monkeypatch):
    monkeypatch.setenv("WB_TEST_SECRET", "canary-7f3a")
    down = httpx.Response(302, headers={"location": "http://shop.example/there"})
    with pytest.raises(SourceRefused, match="another place"):
        _redirected("https://shop.example/here", down, "GET")


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    answer, _ = ask(reply())
    assert answer.payload == {"ok": True}
