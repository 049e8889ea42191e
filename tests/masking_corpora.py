"""Log lines with known persons and addresses in them, in the styles of many systems.

The styles were written down before the patterns were measured on them; names, addresses and
secrets are drawn at random.
"""
# ruff: noqa: E501 - lines of logs are long

from __future__ import annotations

import base64
import json
import random
import string
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import quote

FIRST = [
    "ann",
    "bob",
    "carla",
    "dmitri",
    "elena",
    "farid",
    "grete",
    "hiro",
    "ines",
    "jonas",
    "kemal",
    "lucia",
    "marek",
    "nadia",
    "otto",
    "priya",
    "quentin",
    "rosa",
    "sven",
    "tomoko",
    "ulla",
    "viktor",
    "wanda",
    "xavier",
    "yara",
    "zoltan",
]
LAST = [
    "meier",
    "okafor",
    "silva",
    "tanaka",
    "novak",
    "haddad",
    "jensen",
    "kowalski",
    "rossi",
    "petrov",
    "dubois",
    "khan",
]
STYLES = (
    "Jan 31 12:00:01 gw sshd[{n}]: Failed password for invalid user {user} from {ip} port {n} ssh2",
    "Jan 31 12:00:02 gw sshd[{n}]: Accepted publickey for {user} from {ip} port {n} ssh2: RSA SHA256",
    "Jan 31 12:00:03 gw sudo: {user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND=/bin/ls",
    "pam_unix(sshd:session): session opened for user {user} by (uid=0)",
    '{ip} - - [31/Jan/2026:12:00:04 +0000] "GET /cart/{n} HTTP/1.1" 200 {n} "-" "curl/8.1"',
    '{ip} - {n} [31/Jan/2026:12:00:04 +0000] "POST /login?email={email} HTTP/1.1" 302 0',
    "2026-01-31 12:00:05.123 UTC [{n}] {db}@shop LOG: connection authorized: user={user} database=shop",
    "2026-01-31T12:00:06Z ERROR c.s.AuthService - Login failed for user '{user}' from {ip}",
    "2026-01-31T12:00:07Z WARN o.s.MailSender - could not deliver to {email}: mailbox full",
    "EventID=4625 An account failed to log on. Account Name: {user} Source Network Address: {ip}",
    "LDAP bind failed: uid={user},ou=people,dc=example,dc=com (49)",
    "%ASA-6-113004: AAA user authentication Successful : server = {private} : user = {user}",
    "dhcpd: DHCPACK on {private} to {mac} (laptop) via eth0",
    "hostapd: wlan0: STA {mac} IEEE 802.11: associated (aid {n})",
    "postfix/smtp[{n}]: 4F2A1: to=<{email}>, relay=mx.example.net[{ip}]:25, delay=1.2, status=sent",
    "haproxy[{n}]: {ip}:{n} [31/Jan/2026:12:00:08] fe~ be/cart1 0/0/1/12/13 200 {n} - - ----",
    '{{"level":"info","msg":"signed in","user":"{user}","client.address":"{ip}","took_ms":{n}}}',
    '{{"eventName":"ConsoleLogin","userIdentity":{{"userName":"{user}"}},"sourceIPAddress":"{ip}"}}',
    'Started GET "/orders/{n}" for {ip} at 2026-01-31 12:00:09 +0000',
    "kubelet: probe failed for pod cart-7f9c {private}:8080: connection refused",
    "openvpn[{n}]: {ip}:{n} [{user}] Peer Connection Initiated with [AF_INET]{ip}:{n}",
    "deploy orders@2.4.{n} requested by {user}, approved by {user}",
    "gitlab: user {user} pushed 3 commits to shop/cart",
    "java.nio.file.AccessDeniedException: /home/{user}/data/orders.csv",
    "WinRM: CORP\\{user} was authenticated from {ip}",
    "incident #{n} acknowledged by {email}",
    "smbd[{n}]: connect to service share initially as user {user} (uid={n}, gid={n})",
    "vault: auth login username={user} remote_address={ip}",
)
HARMLESS = (
    "2026-01-31T12:00:00.{n}Z INFO cart handled GET /cart/{n} in {n} ms status=200",
    "user not found in cache, loading user profile from database",
    "invalid token: unexpected end of input at line {n}",
    "orders-7d9f8b6c5-x2x{n} restarted, image registry.internal/orders:2.4.{n}",
    "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7 sampled",
    "connection to db-primary.internal:5432 refused, retrying in {n} ms",
    "kernel: eth0: link up, 1000 Mbps, full duplex, version 5.10.{n}",
    "digest sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 pulled",
    "GC pause (G1 Evacuation Pause) {n}M->{n}M({n}M) 12.{n}ms",
    "at com.shop.orders.OrderService.placeOrder(OrderService.java:{n})",
    'level=info msg="compaction done" component=tsdb duration={n}ms blocks=3',
    "the user service has no users to sync; user agent cache for the session store is empty",
    "node 10.0.{o}.{o} joined, 192.168.{o}.4 left; quorum 3 of 5",
    "password reset page rendered; password policy: 12 characters or more",
    "uuid 6ba7b810-9dad-11d1-80b4-00c04fd430c8 at 12:30:45.123 took PT1.{n}S",
)


def person(rng):
    first, last = rng.choice(FIRST), rng.choice(LAST)
    return rng.choice(
        [
            f"{first}.{last}",
            f"{first[0]}{last}",
            f"{first}{rng.randint(1, 99)}",
            f"{first}_{last}",
            last,
        ]
    )


def outside(rng):
    if rng.random() < 0.2:
        return "2a02:26f0:" + ":".join(f"{rng.randrange(1, 65536):x}" for _ in range(6))
    return ".".join(
        map(
            str,
            (
                rng.choice([8, 23, 51, 80, 93, 185]),
                rng.randint(1, 250),
                rng.randint(1, 250),
                rng.randint(1, 250),
            ),
        )
    )


def lines(n, *, seed):
    """Yield a line and what must not be left of it, `(kind, text)`; every third is harmless."""
    rng = random.Random(seed)
    for _ in range(n):
        drawn = {
            "user": person(rng),
            "ip": outside(rng),
            "n": rng.randint(1000, 60000),
            "mac": ":".join(f"{rng.randrange(256):02x}" for _ in range(6)),
            "email": f"{person(rng)}@{rng.choice(LAST)}.{rng.choice(['com', 'org', 'co.uk'])}",
            "private": f"10.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}",
            "db": "app",
            "o": rng.randint(0, 255),
        }
        style = rng.choice(HARMLESS if rng.random() < 1 / 3 else STYLES)
        kinds = [kind for kind in ("user", "ip", "mac", "email") if "{" + kind + "}" in style]
        yield style.format(**drawn), [(kind, drawn[kind]) for kind in kinds]


def word(rng, size, alphabet=string.ascii_letters + string.digits):
    return "".join(rng.choice(alphabet) for _ in range(size))


def secrets(n, *, seed):
    """Yield a form's name, a line and the secret in it."""
    rng = random.Random(seed)
    for place in range(n):
        secret = word(rng, rng.randint(10, 40))
        forms = {
            "bearer": f"Authorization: Bearer {secret}",
            "basic": "authorization: Basic " + base64.b64encode(f"svc:{secret}".encode()).decode(),
            "userinfo": f"cloning https://deploy:{secret}@git.internal/shop.git",
            "dsn": f"dsn=postgresql://app:{secret}@db.internal:5432/shop?sslmode=require",
            "keyword dsn": f"Server=db;Database=shop;Uid=app;Pwd={secret};Encrypt=yes",
            "query": f"GET /hook?id=3&access_token={secret}&x=1 HTTP/1.1",
            "cookie": f"Cookie: theme=dark; sessionid={secret}; lang=en",
            "set-cookie": f"Set-Cookie: sid={secret}; Path=/; HttpOnly",
            "json": json.dumps({"user": "svc", "password": secret, "n": 3}),
            "escaped json": json.dumps({"body": json.dumps({"client_secret": secret})}),
            "twice escaped": json.dumps({"a": json.dumps({"b": json.dumps({"api_key": secret})})}),
            "base64": "payload " + base64.b64encode(f'{{"token":"{secret}"}}'.encode()).decode(),
            "url-encoded": "next=" + quote(f"/cb?password={secret}&ok=1", safe=""),
            "pem": f"-----BEGIN PRIVATE KEY-----\\n{secret}{secret}\\n-----END PRIVATE KEY-----",
            "env": f"export DB_PASSWORD={secret}",
            "yaml": f"  secretKey: {secret}",
            "flag": f"run --password {secret} --verbose",
            "curl": f"curl -u admin:{secret} https://api.internal/v1",
            "jwt": "token eyJhbGciOiJIUzI1NiJ9." + word(rng, 24) + "." + secret,
            "vendor": "using key AKIA" + word(rng, 16, string.ascii_uppercase + string.digits),
        }
        name = list(forms)[place % len(forms)]
        line = forms[name]
        told = {
            "basic": line.split()[-1],
            "base64": line.split()[-1],
            "vendor": line.split()[-1],
        }.get(name, secret)
        yield name, line, told


@dataclass
class Persons:
    """What masking found in lines whose persons and addresses are known."""

    lines: int = 0
    seconds: float = 0.0
    seen: Counter = field(default_factory=Counter)
    missed: list = field(default_factory=list)  # kind, text, line
    words: int = 0  # that name nobody
    harmed: int = 0  # of these, masked
    named: int = 0  # words that name somebody, masked

    @property
    def recall(self):
        return 1 - len(self.missed) / self.seen.total()

    @property
    def precision(self):
        return self.named / (self.named + self.harmed)

    def recall_of(self, kind):
        return 1 - sum(one[0] == kind for one in self.missed) / self.seen[kind]

    def __str__(self):
        return (
            f"recall {self.recall:.3f} ({self.seen.total()}), users {self.recall_of('user'):.3f} "
            f"({self.seen['user']}), harmless {self.harmed / self.words:.4f} ({self.words}), "
            f"precision {self.precision:.3f}"
        )


def persons(mask, number, *, seed):
    """Mask so many lines and count what is gone and what is left."""
    found = Persons()
    known = list(lines(number, seed=seed))
    begun = time.process_time()
    texts = [mask.text(line) for line, _ in known]
    found.lines, found.seconds = len(known), time.process_time() - begun
    for (line, truths), masked in zip(known, texts, strict=True):
        found.seen.update(kind for kind, _ in truths)
        found.missed += [(kind, text, line) for kind, text in truths if text in masked]
        for token in line.split():
            named, gone = any(text in token for _, text in truths), token not in masked
            found.words += not named
            found.harmed += gone and not named
            found.named += gone and named
    return found
