"""Which matches are meant: words that follow "user" and are no name, addresses that are ours."""

from __future__ import annotations

import ipaddress
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from workbench.masking.patterns import SECRET_KEY, USER_KEY

if TYPE_CHECKING:
    from workbench.masking.policy import Policy

__all__ = [
    "is_card",
    "is_mail",
    "is_opaque",
    "is_outside",
    "is_person",
    "is_secret",
    "names_person",
    "names_secret",
]

_PARSER_WORD = 12  # letters: the longest word a parser says of a token (declared)
_VERSION_PART = 30  # after "version", four numbers below it are one, not an address (declared)
_CARD_SHORTEST, _CARD_LONGEST = 13, 19  # digits of a payment card (ISO/IEC 7812-1)
_OPAQUE_EACH = 3  # digits, capitals and small letters a random word has of each (declared)
_SECRET = re.compile(SECRET_KEY)
_PERSON = re.compile(USER_KEY)
# What stands after "user" or "token" in harmless lines.
_WORDS = frozenset(
    """
    bearer basic digest negotiate apikey
    a about access account accounts action active added admin after agent all already an
    and any api are as at authenticated authentication auth back be been before but by can
    cannot changed code configuration connected connection context could count created
    data database deleted details did disabled disconnected does email enabled error
    events exceeded exists expired failed false for found from group had has have id ids
    if in info input interface invalid is it its key limit limits list locked logged login
    logout lookup management mapping mode my name named names nil no none not null object
    of off on or order other page part password permission permissions policy pool process
    profile provided query rate record request requests requested required requires role
    roles root scope service services session sessions set settings should signed space
    store successful successfully sync table that the their then there this thread timeout
    to token tokens true type undefined unknown update updated updates using valid value
    was we were when which while who will with without you your ok yes success failure
    denied granted missing empty unset required optional redacted masked hidden system
    default anonymous nobody daemon service local public internal guest kernel init cron
    mail bin sys man games backup www www-data postgres mysql redis nginx apache httpd
    syslog systemd sshd elasticsearch kafka zookeeper rabbitmq prometheus grafana
    kubernetes kube-system hdfs hadoop yarn spark hive nova neutron cinder glance keystone
    shared user users space-time defined function level land facing
    """.split()  # noqa: SIM905
)
_HEX = re.compile(r"(?:0x|[A-Z_]+_)?[0-9a-fA-F-]+|[0-9-]+|[a-z0-9_-]+|[A-Z0-9_-]+")
_NUMBERED = re.compile(r"(?i)(?:^|[^a-z])(?:pan|otp|pin|cvv|cvc|ssn)$")
_RELEASE = re.compile(r"[vV]?\d+\.\d")
_STARS = re.compile(r"[*x•.…-]+|\[?redacted\]?|%s|\$\{?\w+\}?", re.IGNORECASE)


def names_secret(key: str) -> bool:
    """Whether a field of this name holds a secret."""
    return _SECRET.search(key.strip("[]\"'")) is not None


def names_person(key: str) -> bool:
    """Whether a field of this name holds a person."""
    return _PERSON.search(key) is not None


def is_secret(value: str, *, key: str = "") -> bool:
    """Whether the value of a secret's field is one, and not a word about it."""
    if key.lower() == "token" and value.isalpha() and len(value) <= _PARSER_WORD:
        return False  # a parser's: unexpected token: end
    if _NUMBERED.search(key) and not any(char.isdigit() for char in value):
        return False
    return value.lower().strip(".:") not in _WORDS and not _STARS.fullmatch(value)


def is_person(name: str, policy: Policy) -> bool:
    """Whether a word where a person is named is a name."""
    plain = name.rstrip(".").lower()
    return (
        plain not in _WORDS
        and plain not in policy.harmless_users
        and not plain.replace(".", "").isdigit()
        and any(char.isalpha() for char in plain)
    )


def is_outside(text: str, before: str, policy: Policy) -> bool:
    """Whether an IP address is one of the outside world, and not a version number."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if before.lower().endswith(("version ", "version: ", "version=", " v", "/", "release ")) and (
        isinstance(address, ipaddress.IPv4Address)
        and all(int(part) < _VERSION_PART for part in text.split("."))
    ):
        return False
    if any(address in net for net in policy.networks if net.version == address.version):
        return False
    return address.is_global or policy.private_addresses


def is_mail(text: str) -> bool:
    """Whether what looks like an e-mail address is one, and not a release (``cart@2.4.0-rc``)."""
    return not _RELEASE.match(text.rpartition("@")[2])


def is_card(text: str) -> bool:
    """Whether digits are a payment card's number (ISO/IEC 7812-1, Luhn)."""
    digits = [int(char) for char in text if char.isdigit()]
    if not _CARD_SHORTEST <= len(digits) <= _CARD_LONGEST:
        return False
    doubled = [d if n % 2 == 0 else sum(divmod(d * 2, 10)) for n, d in enumerate(digits[::-1])]
    return sum(doubled) % 10 == 0


def is_opaque(text: str) -> bool:
    """Whether a long word looks drawn at random: mixed case and digits, and no identifier.

    Hexadecimal words stay: they are trace ids, digests and UUIDs.
    """
    if _HEX.fullmatch(text):
        return False
    digits = sum(char.isdigit() for char in text)
    upper = sum(char.isupper() for char in text)
    lower = sum(char.islower() for char in text)
    # Words in camel case change between cases seldom and hold few digits.
    turns = sum(a.isalnum() and b.isalnum() and _class(a) != _class(b) for a, b in pairwise(text))
    return min(digits, upper, lower) >= _OPAQUE_EACH and turns >= len(text) / 3


def _class(char: str) -> int:
    return char.isdigit() + 2 * char.isupper()
