"""Masking texts: one linear scan, each match replaced by its pseudonym where it stands."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import re2

from workbench.masking.classify import (
    is_account,
    is_card,
    is_home,
    is_iban,
    is_mail,
    is_national,
    is_opaque,
    is_outside,
    is_person,
    is_secret,
    names_secret,
)
from workbench.masking.patterns import BASE64, ENCODED, PSEUDONYM, compiled
from workbench.masking.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.masking.patterns import Scan
    from workbench.masking.pseudonyms import Pseudonyms

__all__ = ["Masker"]

_ROUNDS = 4
_DEEPEST = 2  # encodings within encodings
_LOOKED_BACK = 24  # bytes before a match that may say what it is (declared)
_SHORTEST = 4  # characters: nothing shorter is masked (declared)
_BEARER_WORD = (
    20  # letters: the longest word after "bearer" that may be one of a sentence (declared)
)
_BASE64_SHORTEST = 20  # characters: shorter words are not tried as base64 (declared)
_VALUED = {
    "userinfo": "secret",
    "bearer": "token",
    "cookie": "secret",
    "field": "secret",
    "query": "secret",
    "phrase": "secret",
    "curl": "secret",
    "principal": "user",
    **dict.fromkeys(
        (
            "clf",
            "person",
            "entry",
            "spoken",
            "role",
            "sudo",
            "cron",
            "crontab",
            "su",
            "acls",
            "home",
            "hdfs",
            "perm",
            "peer",
            "subject",
            "proxy",
            "ftp",
            "mapped",
            "client",
            "domain",
            "at",
        ),
        "user",
    ),
}
_WHOLE = {
    "pem": "secret",
    "jwt": "token",
    "vendor": "token",
    "email": "email",
    "mac": "mac",
    "ipv6": "ip",
    "ipv4": "ip",
    "card": "card",
    "iban": "iban",
    "phone": "phone",
    "national": "national",
    "opaque": "token",
}
_MASKED = re.compile(PSEUDONYM)  # no repetition to be slow at
_KEPT = b"<\x01>"  # stands for a pseudonym while a text is scanned
_KEPT_AGAIN = re.compile("<\x01>")
_BASE64 = re2.compile(BASE64)
_ENCODED = re2.compile(ENCODED)


class Masker:
    """Masks texts under one policy and one key.

    Parameters
    ----------
    pseudonyms
        What a masked text is called.
    policy
        What is masked.

    Attributes
    ----------
    counts
        How many matches of each kind were masked so far.

    Examples
    --------
    >>> from workbench.masking.pseudonyms import Pseudonyms
    >>> mask = Masker(Pseudonyms(b"an example of a key"))
    >>> mask.text("login failed for ann@example.com from pod cart-7f")
    'login failed for <email:64e6ffdb21d47ff3> from pod cart-7f'
    """

    def __init__(self, pseudonyms: Pseudonyms, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.counts: Counter[str] = Counter()
        self._pseudonyms = pseudonyms
        self._scans = compiled(self.policy.patterns)
        self._never = tuple(one.encode("utf-8", "replace") for one in self.policy.never)

    def __repr__(self) -> str:
        """Say what is masked and how much was."""
        return f"Masker({', '.join(self.policy.kinds)}; {self.counts.total():,} masked)"

    def text(self, text: str) -> str:
        """Mask whatever the policy names in a text. Masking it again changes nothing."""
        done = _sound(text)
        for _ in range(_ROUNDS):  # what one match hid from another shows once it is masked
            before, done = done, self._text(done, 0)
            if before == done:
                break
        return done

    def value(self, kind: str, text: str) -> str:
        """Mask a text as a whole, unless it is masked already."""
        if not text or _MASKED.fullmatch(text) or text in self.policy.never:
            return text
        self.counts[kind] += 1
        return self._pseudonyms.of(kind, text)

    def found(self, text: str) -> tuple[str, ...]:
        """Name the kinds of what would be masked, each once, without encodings."""
        bare = _bare(_sound(text))
        kinds: dict[str, None] = {}
        for scan in self._scans:
            parts, last = [], 0
            for kind, start, end in self._spans(scan, bare):
                parts += [bare[last:start], _KEPT]
                kinds[kind], last = None, end
            bare = b"".join([*parts, bare[last:]])
        return tuple(kinds)

    def _text(self, text: str, depth: int) -> str:
        if len(text) < _SHORTEST:
            return text
        done = self._decoded(text, depth) if "encoded" in self.policy.kinds else text
        for scan in self._scans:
            done = self._replaced(scan, done)
        return done

    def _replaced(self, scan: Scan, text: str) -> str:
        """Replace what one scan finds between the pseudonyms that are there already."""
        bare = _bare(text)
        kept = iter(_MASKED.findall(text))
        parts, last = [], 0
        named: dict[tuple[str, bytes], bytes] = {}  # what comes again is named once
        for kind, start, end in self._spans(scan, bare):
            found = kind, bare[start:end]
            if found in named:
                self.counts[kind] += 1
            else:
                named[found] = self.value(kind, found[1].decode()).encode()
            parts += [bare[last:start], named[found]]
            last = end
        done = b"".join([*parts, bare[last:]]).decode()
        return _KEPT_AGAIN.sub(lambda _: next(kept), done)

    def _spans(self, scan: Scan, text: bytes) -> Iterator[tuple[str, int, int]]:
        """Find what is meant: kind, first and last byte; of bytes no positions are converted."""
        at = 0
        while (match := scan.pattern.search(text, at)) is not None:
            name, value, key = scan.groups[match.lastindex]
            first, end = match.span()
            start, stop = match.span(value)
            said = match.group(key).decode() if key else ""
            spans = self._judged(name, text, start, stop, said)
            yield from spans
            # What is not meant must not hide what is: "authentication failed for user ann".
            at = start if first < start and not spans else max(end, first + 1)

    def _judged(
        self, name: str, text: bytes, start: int, end: int, key: str
    ) -> list[tuple[str, int, int]]:
        """Tell what of a match is meant, if anything is: kind, first and last byte."""
        kind = "secret" if name.startswith("own_") else _VALUED.get(name) or _WHOLE[name]
        if kind not in self.policy.kinds:
            return []
        found = text[start:end]
        if _KEPT in found or (self._never and self._spared(text, start, end)):
            return []
        word = found.decode()
        if name == "ipv6" and text[end : end + 1].isalnum():
            return []  # a name with colons in it: DB::Exception
        if not self._meant(name, word, text[max(start - _LOOKED_BACK, 0) : start], key):
            return []
        if name == "cookie":
            return list(_cookies(found, start))
        if name in {"person", "spoken"}:
            end -= len(word) - len(word.rstrip(".-$"))
        return [(kind, start, end)]

    def _spared(self, text: bytes, start: int, end: int) -> bool:
        """Whether a match is part of a text that stays."""
        return any(one in text[max(start - len(one), 0) : end + len(one)] for one in self._never)

    def _meant(self, name: str, word: str, before: bytes, key: str) -> bool:
        if name == "field":
            return names_secret(key) and is_secret(word, key=key)
        if name in {"phrase", "bearer"}:
            return is_secret(word) and (
                name != "bearer" or not word.isalpha() or len(word) > _BEARER_WORD
            )
        head = before.decode("utf-8", "ignore")
        if name == "at":
            return is_account(word, key, self.policy, before=head)
        if name in {"home", "hdfs"}:
            return is_home(head) and is_person(word, self.policy)
        if name == "principal":
            return not head.endswith("/") and is_person(word, self.policy)
        if _VALUED.get(name) == "user":
            return is_person(word, self.policy, key=key)
        if name in {"ipv4", "ipv6"}:
            return is_outside(word, head, self.policy)
        if name == "card":
            return not before.endswith(b".") and is_card(word)  # else: decimals
        checks = {"email": is_mail, "opaque": is_opaque, "iban": is_iban, "national": is_national}
        return name not in checks or checks[name](word)

    def _decoded(self, text: str, depth: int) -> str:
        """Mask what base64 and URL encoding hide."""
        if depth >= _DEEPEST:
            return text
        if "%" in text:
            text = _ENCODED.sub(lambda m: self._unquoted(m.group(), depth), text)
        if len(text) >= _BASE64_SHORTEST:
            decoded: dict[str, str] = {}

            def once(match: re2._Match[str]) -> str:
                word = match.group()
                if word not in decoded:
                    decoded[word] = self._unbased(word, depth)
                return decoded[word]

            text = _BASE64.sub(once, text)
        return text

    def _unquoted(self, word: str, depth: int) -> str:
        plain = unquote(word, errors="strict") if _is_utf8(word) else word
        masked = self._text(plain, depth + 1)
        return word if masked == plain else quote(masked, safe="<>:=&?/")

    def _unbased(self, word: str, depth: int) -> str:
        plain = _unbase64(word)
        if plain is None or self._text(plain, depth + 1) == plain:
            return word
        return self.value("encoded", word)


def _cookies(word: bytes, start: int) -> Iterator[tuple[str, int, int]]:
    """Find the values of a cookie header, without the attributes of Set-Cookie (RFC 6265)."""
    plain = {b"path", b"domain", b"expires", b"max-age", b"samesite", b"httponly", b"secure"}
    at = start
    for part in word.split(b";"):
        name, eq, value = part.partition(b"=")
        if eq and value.strip() and name.strip().lower() not in plain:
            first = at + len(name) + 1
            yield "secret", first, first + len(value.rstrip())
        at += len(part) + 1


def _unbase64(word: str) -> str | None:
    """Decode base64 (RFC 4648, both alphabets) where it holds readable text."""
    body = word.rstrip("=")
    if body.isalpha() and (body.islower() or body.isupper()):
        return None
    padded = body.replace("-", "+").replace("_", "/") + "=" * (-len(body) % 4)
    try:
        plain = base64.b64decode(padded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    odd = sum(not (char.isprintable() or char in "\r\n\t") for char in plain)
    return plain if plain and not odd else None


def _is_utf8(word: str) -> bool:
    try:
        unquote(word, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _bare(text: str) -> bytes:
    """Put one short mark where a pseudonym stands; a mark that is not ours is escaped."""
    return _MASKED.sub("<\x01>", text.replace("<\x01>", "<\\x01>")).encode()


def _sound(text: str) -> str:
    """Write lone surrogates as escapes: RE2 reads UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text
