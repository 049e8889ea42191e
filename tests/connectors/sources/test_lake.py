"""A lake in ClickHouse: connected to by the address that was checked, and nothing is repeated."""

from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from workbench import TimeRange
from workbench.connectors.sources.lake.source import Lake, LakeSettings

pytest.importorskip("clickhouse_connect")

WHEN = TimeRange("2026-01-31T12:00Z", "2026-01-31T12:30Z")
SECRET = "c4nary-0b1d-s3cret"


class Refuses(BaseHTTPRequestHandler):
    """Refuses everybody, and repeats the password to them."""

    def do_POST(self):
        self.server.asked.append(self.path)
        body = f"Code: 516. Wrong password {SECRET}".encode()
        self.send_response(403)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Refuses)
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join(5)
    made.server_close()


def test_it_is_asked_at_the_checked_address_and_past_no_proxy(server, monkeypatch):
    port, left = server.server_address[1], [["127.0.0.1"], ["169.254.169.254"]]

    async def resolve(host, port, **_):
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(2, 1, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", lambda _, *a, **k: resolve(*a, **k))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("WB_TEST_SECRET", SECRET)
    settings = LakeSettings(
        engine="clickhouse",
        url=f"http://moves.example:{port}",
        auth={"kind": "basic", "user": "ada", "secret": "env:WB_TEST_SECRET"},
    )

    async def fetch():
        lake = Lake("lake", settings)
        try:
            return await lake.fetch("metrics", WHEN), await lake.fetch("metrics", WHEN)
        finally:
            await lake.aclose()

    first, second = asyncio.run(fetch())
    assert server.asked, "it reached the server: the proxy leads nowhere"
    assert first.coverage[0].status == second.coverage[0].status == "failed"
    assert "ClickHouse does not answer" in first.coverage[0].reason
    assert SECRET not in first.coverage[0].reason
    assert "link-local" in second.coverage[0].reason, "and it is checked each time"
