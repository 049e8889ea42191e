"""One HTTP client for all connectors: whole answers or named errors, nothing in between."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import logging
import time
import traceback

import pytest
from rich.console import Console
from rich.traceback import Traceback

from workbench.connectors.transport.http import Http, HttpSettings
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
