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
    "is_account",
    "is_card",
    "is_home",
    "is_iban",
    "is_mail",
    "is_national",
    "is_opaque",
    "is_outside",
    "is_person",
    "is_secret",
    "names_person",
    "names_secret",
]

_PARSER_WORD = 12  # letters: the longest word a parser says of a token (declared)
_VERSION_PART = 30  # after "version", four numbers below it are one, not an address (declared)
_IBAN_SHORTEST, _IBAN_LONGEST = 15, 34  # characters (ISO 13616)
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
    admins agents aggregate backend batch behaviour browser bulk cache caches change
    channel class client clients comment consent controller counts custom dashboard
    dashboards device devices directory directories domain domains edge endpoint engine
    entities entity entry event exporter feature features feed file files filter flow form
    frontend gateway generated generic global grants guide handle handler handling history
    home host hosts id identities identity impersonation index ingress initiated inputs
    instance intent interaction interfaces journey keys kind label labels language last
    ldap level limited load loader loading local lock locks log logic logs mappings
    membership memory menu message messages metadata metrics migration mobile model module
    namespace namespaces network next nodes notification notifications nt oauth oidc only
    operation operations options ops org organization over owned owner ownership pages
    partition path payload plain platform pod pods pool pools portal preference preferences
    prefix primary principal privilege privileges processes profiles program programs prompt
    property provided provider provisioning proxy quantity query queue queues quota quotas
    rate rating read reads records reference region registration registry relations replica
    replicas replication report requests reset resource resources response review row rows
    rule rules saml sasl scale scheduler schema scram script search section segment segments
    selected selection sender sent server session shard shards side signin signup simple
    site slot slots snapshot source sources stale state statement statistics stats status
    storage stores stream streams submitted suffix supplied switch synchronization tables
    tag task tasks team template templates tenant test tests thread threads ticket tier time
    timeline timeouts tls traffic transaction transactions transfer triggered trust type
    types ui unit units update upload url usage variable variables version view views volume
    volumes wait waiting watch worker workers workload write writes zone
    incorrect wrong correct bad weak short long old new same different blank accepted
    rejected refused blocked revoked
    kerberos ntlm gssapi mtls ssl x509 pkinit negotiated cached
    kubernetes kube-system hdfs hadoop yarn spark hive nova neutron cinder glance keystone
    shared user users space-time defined function level land facing
    """.split()  # noqa: SIM905
)
# Software that calls its nodes and workers name@host, and digests that follow an image's name.
_NODES = frozenset(
    """
    celery couchdb ejabberd emqx emqx_ee erlang flower getty leader logstash node php-fpm
    postgresql postgres rabbit rabbitmq redis replica riak serial-getty shard sidekiq solr
    systemd-cryptsetup systemd-fsck user vernemq wg-quick worker
    """.split()  # noqa: SIM905
)
_DIGESTS = frozenset({"md5", "sha1", "sha256", "sha384", "sha512"})
_UNIT = re.compile(  # systemd.unit(5): template@instance.type
    r"@[A-Za-z0-9:_.\\-]*\.(?:service|socket|timer|slice|scope|target|mount|path|device|swap)$"
)
_TEAM = re.compile(
    r"(?i)^(?:team|squad|group|guild|tribe|crew|org|sre|ops|platform|oncall)(?:[-_.:/]|$)"
    r"|[-_.](?:team|squad|group|guild|sre|ops|oncall)$"
)
_HOST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+\.[A-Za-z]{2,}")  # of three labels and more
_NUMBERED_NAME = re.compile(r"[a-z]+(?:[-_][a-z]+)*[-_][0-9]+")  # controller-2: no person
_ASSIGNED = frozenset({"owner", "actor", "principal", "author"})
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE")
_SESSION = re.compile(r"(?i)(?:^|[^a-z])(?:sid|session|auth)$")
_CARD = re.compile(r"(?i)(?:^|[^a-z])(?:card(?:[_-]?number)?|pan)$")
_IBAN_KEY = re.compile(r"(?i)(?:^|[^a-z])iban$")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")  # of a PIN, a one-time password, a card's check value
_LONG_SESSION = 10  # characters: shorter ones are names of databases (declared)
_HEX = re.compile(r"(?:0x|[A-Z_]+_)?[0-9a-fA-F-]+|[0-9-]+|[a-z0-9_-]+|[A-Z0-9_-]+")
_NUMBERED = re.compile(r"(?i)(?:^|[^a-z])(?:otp|pin|cvv|cvc)$")
_NATIONAL_KEY = re.compile(r"(?i)(?:^|[^a-z])ssn$")
_WORKING_FOLDER = re.compile(r"(?i)(?:^|[^a-z])pwd$")
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
    if _CARD.search(key):
        return is_card(value)
    if _IBAN_KEY.search(key):
        return is_iban(value)
    if _NUMBERED.search(key):
        return _SHORT_CODE.fullmatch(value) is not None
    if _NATIONAL_KEY.search(key):
        return any(char.isdigit() for char in value)
    if _SESSION.search(key) and not _is_drawn(value):
        return False
    if _WORKING_FOLDER.search(key) and value.startswith(("/", "~")):
        return False  # sudo's, a shell's
    return value.lower().strip(".:") not in _WORDS and not _STARS.fullmatch(value)


def _is_drawn(value: str) -> bool:
    """Whether a session's value may be random: a name of a database or a mechanism is not."""
    letters, digits = any(c.isalpha() for c in value), any(c.isdigit() for c in value)
    return len(value) >= _LONG_SESSION and letters and (digits or not value.islower())


def is_person(name: str, policy: Policy, *, key: str = "") -> bool:
    """Whether a word where a person is named is a name.

    Parameters
    ----------
    name
        The word.
    policy
        Says which accounts are no person.
    key
        Of the field it stands in, if it stands in one: what owns is mostly a team.
    """
    plain = name.rstrip(".").lower()
    if name.endswith("$"):  # of Windows: a machine's account
        return False
    if _HOST.fullmatch(name):
        return False
    if key.lower() in _ASSIGNED and (_TEAM.search(name) or _NUMBERED_NAME.fullmatch(name)):
        return False
    return (
        plain not in _WORDS
        and plain not in policy.harmless_users
        and not plain.replace(".", "").isdigit()
        and any(char.isalpha() for char in plain)
    )


def is_account(name: str, host: str, policy: Policy, *, before: str) -> bool:
    """Whether ``name@host`` is a person's account, and no node, unit, image or worker."""
    if name in _NODES or host in _DIGESTS or before.endswith("/"):
        return False
    return is_person(name, policy)


def is_home(before: str) -> bool:
    """Whether what stands before a name is a folder of homes, and not the path of a request."""
    head, slash, _ = before.rpartition("/")  # "… /home" "/"
    start, _, _ = head.rpartition("/")
    if not slash and "\\" in before:
        return True
    asked = start.rstrip()
    return not (
        start[-1:].isalnum() or start.endswith((".", "-", "_", "}")) or asked.endswith(_METHODS)
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
    """Whether what looks like an e-mail address is one: no release (``cart@2.4.0``), unit or node.

    Erlang's long node names are ``rabbit@mq-2.shop.internal``.
    """
    name, _, host = text.rpartition("@")
    return not _RELEASE.match(host) and not _UNIT.search(text) and name not in _NODES


def is_iban(text: str) -> bool:
    """Whether an IBAN's check digits hold (ISO 13616, ISO 7064 MOD 97-10)."""
    bare = text.replace(" ", "")
    if not _IBAN_SHORTEST <= len(bare) <= _IBAN_LONGEST or not bare.isalnum() or not bare.isascii():
        return False
    turned = bare[4:] + bare[:4]
    try:
        return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1
    except ValueError:
        return False


def is_national(text: str) -> bool:
    """Whether a number has the form of a national one, and its check where it has one."""
    bare = text.replace(" ", "")
    if "-" in bare:  # United States: no area 000, 666 or 9xx (Social Security Administration)
        area, group, serial = bare.split("-")
        return area not in {"000", "666"} and area[0] != "9" and group != "00" and serial != "0000"
    if bare[:8].isdigit() and len(bare) == len("12345678Z") and bare[8].isalpha():  # Spain, DNI
        return "TRWAGMYFPDXBNJZSQVHLCKE"[int(bare[:8]) % 23] == bare[8]
    if bare.isdigit():  # Poland, PESEL
        weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)
        total = sum(int(digit) * weight for digit, weight in zip(bare, weights, strict=False))
        return (10 - total % 10) % 10 == int(bare[10])
    return True  # United Kingdom, National Insurance: letters and digits in their places


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
