"""Addresses no source may have, however they are spelled."""

import asyncio
import socket

import pytest

from workbench.connectors.transport.ssrf_guard import check_host, check_url
from workbench.errors import SourceRefused

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
    assert asyncio.run(check_host("localhost", 80)) is None
