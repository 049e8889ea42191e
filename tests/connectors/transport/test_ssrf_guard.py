"""Addresses no source may have, however they are spelled."""

import asyncio
import socket

import pytest

from workbench.connectors.transport.http import Http, HttpSettings
from workbench.connectors.transport.ssrf_guard import HostGuard, check_host, check_url
from workbench.errors import SourceRefused, SourceUnreachable

REFUSED = [
    "http://169.254.169.254/",
    "http://169.254.169.254:80/latest/meta-data",
    "http://2852039166/",
    "http://0xA9FEA9FE/",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://0251.0376.0251.0376/",
    "http://025177524776/",
    "http://169.254.43518/",
    "http://169.16689662/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fd00:ec2::254]/",
    "http://[fd20:ce::254]/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://metadata.google.internal/",
    "http://METADATA.GOOGLE.INTERNAL./",
    "http://metadata/",
    "http://instance-data.ec2.internal/",
    "http://0.0.0.0:9090/",
    "http://[::]:9090/",
    "http://0/",
    "http://224.0.0.1/",
    "http://[ff02::1]/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_x",
    "//127.0.0.1/",
    "http://user:pw@127.0.0.1/",
    "http://user@127.0.0.1/",
    "http://127.0.0.1\\@169.254.169.254/",
    "http://127.0.0.1/\r\nHost: x",
    "http://127.0.0.1 /",
    "http:///x",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:99999/",
    "http://169.254.169.254./",
    "http://ex ample/",
    "http://a..%00b/",
    "http://127.0.0.1/?q=1",
    "http://127.0.0.1/#x",
]
ALLOWED = [
    "http://127.0.0.1:9090",
    "https://10.1.2.3/prometheus",
    "http://[::1]:9090/",
    "http://prometheus.monitoring.svc:9090",
    "https://192.168.1.4",
    "http://localhost:3100/loki",
    "https://vm_1.internal/select/0/prometheus",
]


@pytest.mark.parametrize("url", REFUSED)
def test_it_is_refused(url):
    with pytest.raises(SourceRefused):
        check_url(url)


@pytest.mark.parametrize("url", ALLOWED)
def test_where_systems_are_is_allowed(url):
    assert check_url(url) == url


def test_a_name_that_leads_to_a_refused_address_is_refused(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]

    async def run():
        loop = asyncio.get_running_loop()

        async def resolve(*_, **__):
            return found

        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        await check_host("harmless.example", 80)

    with pytest.raises(SourceRefused):
        asyncio.run(run())


def test_loopback_by_name_is_allowed():
    assert set(asyncio.run(check_host("localhost", 80))) <= {"127.0.0.1", "::1"}


def rebinding(monkeypatch, *answers):
    """Let a name resolve to each of these in turn, the last one for ever."""
    left = list(answers)

    async def resolve(host, port, **_):
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", lambda _, *a, **k: resolve(*a, **k))
    return left


def resolved(times):
    async def run():
        guard = HostGuard()
        return [await guard.addresses("moves.example", 80) for _ in range(times)]

    return asyncio.run(run())


@pytest.mark.parametrize(
    "moves",
    [
        (["8.8.8.8"], ["127.0.0.1"]),
        (["8.8.8.8"], ["10.0.0.1"]),
        (["10.0.0.1"], ["127.0.0.1"]),
        (["8.8.8.8"], ["169.254.169.254"]),
        (["8.8.8.8", "127.0.0.1"],),
    ],
)
def test_a_name_that_moves_further_inside_is_refused(monkeypatch, moves):
    rebinding(monkeypatch, *moves)
    with pytest.raises(SourceRefused):
        resolved(2)


@pytest.mark.parametrize(
    "moves",
    [
        (["8.8.8.8"], ["8.8.4.4"]),
        (["10.0.0.1"], ["10.0.0.2"]),
        (["127.0.0.1"], ["127.0.0.1"]),
        (["10.0.0.1"], ["8.8.8.8"]),
    ],
)
def test_a_name_that_stays_or_moves_outside_is_not(monkeypatch, moves):
    rebinding(monkeypatch, *moves)
    assert len(resolved(2)) == 2


def test_what_was_checked_is_what_is_connected_to(monkeypatch):
    """The name is asked once: what it says a moment later is not used."""
    left = rebinding(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])

    async def run():
        heads = []

        async def serve(reader, writer):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
            writer.write(b"content-length: 2\r\nconnection: close\r\n\r\n{}")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        http = Http(HttpSettings(url=f"http://moves.example:{port}"))
        answer = await http.json("GET", "/")
        await http.aclose()
        server.close()
        return answer, heads, port

    answer, heads, port = asyncio.run(run())
    assert answer.payload == {}
    assert f"moves.example:{port}".encode() in heads[0], "it is asked under its name"
    assert left == [["169.254.169.254"]]


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example", ".".join(["abc"] * 80), "."])
def test_a_host_that_no_resolver_takes_is_refused(host):
    with pytest.raises(SourceRefused):
        check_url(f"http://{host}/")
    with pytest.raises((SourceRefused, SourceUnreachable)):
        asyncio.run(check_host(host, 80))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_each_way_to_write_this_machine_is_connected_to(host):
    async def run():
        heads = []

        async def serve(reader, writer):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
            writer.write(b"content-length: 2\r\nconnection: close\r\n\r\n{}")
            writer.close()

        family = socket.AF_INET6 if "::" in host else socket.AF_INET
        try:
            server = await asyncio.start_server(serve, host.strip("[]"), 0, family=family)
        except OSError:
            pytest.skip("no such addresses on this machine")
        port = server.sockets[0].getsockname()[1]
        http = Http(HttpSettings(url=f"http://{host}:{port}/prefix"))
        answer = await http.json("GET", "/x", params=[("a", "b c")])
        await http.aclose()
        server.close()
        return answer.payload, heads[0].decode(), port

    payload, head, port = asyncio.run(run())
    assert payload == {}
    assert head.startswith("GET /prefix/x?a=b+c HTTP/1.1") or "a=b%20c" in head
    assert f"host: {host}:{port}" in head.lower()
