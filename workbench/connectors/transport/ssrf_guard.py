"""Which addresses a source may have: a URL in a file must not reach what only the machine may.

Refused are other schemes than http and https, credentials inside the URL, and hosts that are,
are spelled as, or resolve to link-local and unspecified addresses and the metadata services of
clouds. Loopback and private ranges are where an SRE's systems are, and stay allowed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from workbench.errors import SourceRefused, SourceUnreachable

if TYPE_CHECKING:
    from typing import TypeAlias

    Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

__all__ = ["HostGuard", "check_host", "check_url"]

_METADATA_NAMES = (
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
)
_METADATA = tuple(
    ipaddress.ip_network(net)
    for net in (
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::/64",
        "fd20:ce::/64",
    )
)
_LONGEST_LABEL, _LONGEST_NAME = 63, 253
_WRONG = re.compile(r"[\s\\\x00-\x1f\x7f]")
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


def check_url(url: str) -> str:
    """Return the URL if a source may have it.

    Raises
    ------
    SourceRefused
        It may not; the message says why, and never shows credentials.
    """
    if _WRONG.search(url):
        raise SourceRefused(fact="A URL with blanks, backslashes or control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its words repeat the URL, a password in it too
        hint = "A host, and a port between 1 and 65535"
        raise SourceRefused(fact="Not a URL", hint=hint) from None
    if parts.scheme not in {"http", "https"}:
        raise SourceRefused(
            fact="Only http and https are spoken", value=parts.scheme or "no scheme"
        )
    if parts.username is not None or parts.password is not None:
        raise SourceRefused(
            fact="Credentials inside a URL", hint="Write them as auth, by reference"
        )
    if parts.query or parts.fragment:
        raise SourceRefused(
            fact="A source's URL has no query and no fragment", value=parts.hostname
        )
    if port == 0:
        raise SourceRefused(fact="Port 0 is no port", value=parts.hostname)
    _check_name(parts)
    return url


async def check_host(host: str, port: int) -> tuple[str, ...]:
    """Resolve a name, and refuse one that leads to an address no source may have.

    Returns
    -------
    tuple of str
        Its addresses, all of them checked: to be connected to as they are, since the name may
        lead elsewhere when it is asked again (DNS rebinding, CWE-350).

    Raises
    ------
    SourceRefused, SourceUnreachable
        An address is refused, or it is no name; or the name is unknown.
    """
    if (literal := _literal(host)) is not None:
        _check_address(literal, host)
        return (str(literal),)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
    except UnicodeError as error:
        raise SourceRefused(fact="Not a host name", value=host) from error
    except OSError as error:
        hint = error.strerror or "It does not resolve"
        raise SourceUnreachable(fact="Nobody knows this host", value=host, hint=hint) from error
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    for address in addresses:
        _check_address(address, host)
    reaches = {_reach(address) for address in addresses}
    if {"this machine", "the internet"} <= reaches:
        raise SourceRefused(fact="A name that leads outside and to this machine", value=host)
    return tuple(dict.fromkeys(map(str, addresses)))


class HostGuard:
    """Resolves the names of one source, and holds each to where it led at first."""

    def __init__(self) -> None:
        self._reaches: dict[str, frozenset[str]] = {}

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Resolve as `check_host`; a name that moved further inside is refused.

        Raises
        ------
        SourceRefused, SourceUnreachable
            See `check_host`.
        """
        found = await check_host(host, port)
        reach = frozenset(_reach(ipaddress.ip_address(one)) for one in found)
        first = self._reaches.setdefault(host, reach)
        if not reach <= first and reach != {"the internet"}:
            fact = f"A name that led to {_listed(first)} now leads to {_listed(reach)}"
            raise SourceRefused(fact, value=host)
        return found


def _listed(reach: frozenset[str]) -> str:
    return " and ".join(sorted(reach))


def _reach(address: Address) -> str:
    """Say how far inside an address lies."""
    inner = (address, *_inside(address))
    if any(each.is_loopback for each in inner):
        return "this machine"
    return "the internet" if address.is_global else "a private network"


def _check_name(parts: SplitResult) -> None:
    host = parts.hostname or ""
    if not host:
        raise SourceRefused(fact="A URL without a host")
    literal = _literal(host)
    if literal is not None:
        _check_address(literal, host)
    elif host.lower().rstrip(".") in _METADATA_NAMES:
        raise SourceRefused(fact="The metadata service of a cloud is no source", value=host)
    elif not _is_name(host):
        raise SourceRefused(fact="Not a host name", value=host)


def _is_name(host: str) -> bool:
    """Whether a resolver would take it: no empty label, none too long (RFC 1035, 2.3.4)."""
    labels = host.removesuffix(".").split(".")
    fitting = all(0 < len(label) <= _LONGEST_LABEL for label in labels)
    return bool(_NAME.fullmatch(host)) and fitting and len(host) <= _LONGEST_NAME


def _literal(host: str) -> Address | None:
    """Read an address however it is spelled: dotted, as one number, hexadecimal, octal."""
    bare = host.strip("[]").partition("%")[0]
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        pass
    try:  # what the C library takes for an address, a resolver would too
        return ipaddress.IPv4Address(socket.inet_aton(bare.rstrip(".")))
    except OSError:
        return None


def _check_address(address: Address, host: str) -> None:
    inner = _inside(address)
    for each in (address, *inner):
        if each.is_loopback:
            continue
        if each.is_link_local or each.is_unspecified or each.is_multicast or each.is_reserved:
            fact = "A link-local, multicast or unspecified address is no source"
            raise SourceRefused(fact, value=host)
        if any(each in net for net in _METADATA if net.version == each.version):
            raise SourceRefused(fact="The metadata service of a cloud is no source", value=host)


def _inside(address: Address) -> tuple[Address, ...]:
    """IPv4 addresses carried inside an IPv6 one: mapped, 6to4, Teredo, NAT64, compatible."""
    if not isinstance(address, ipaddress.IPv6Address) or address.is_loopback:
        return ()
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    found += list(address.teredo or ())
    packed = address.packed
    if packed[:12] in (bytes.fromhex("0064ff9b") + bytes(8), bytes(12)):
        found.append(ipaddress.IPv4Address(packed[12:]))
    return tuple(each for each in found if each is not None)
