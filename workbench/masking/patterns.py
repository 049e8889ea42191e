"""What a secret, a person or an outside address looks like: RE2 patterns, linear in the text.

One alternation is scanned once; the group that matched says the kind. Where a pattern alone
would mask harmless words, the match is judged by `workbench.masking.classify`.
Sources: RFC 3986 (userinfo), RFC 6750 (bearer), RFC 7468 (PEM), RFC 7519 (JWT), RFC 6265
(cookies), and the published prefixes of vendors' tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import re2

__all__ = [
    "BASE64",
    "ENCODED",
    "KINDS",
    "PSEUDONYM",
    "SECRET_KEY",
    "USER_KEY",
    "Scan",
    "compiled",
]

KINDS = (
    "user",
    "email",
    "ip",
    "mac",
    "token",
    "secret",
    "card",
    "iban",
    "phone",
    "national",
    "encoded",
)

PSEUDONYM = r"<(?:" + "|".join(KINDS) + r"):[0-9a-f]{16}>"

_NAME = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_-]?key|apikey|access[_-]?key(?:[_-]?id)?"
    r"|account[_-]?key|secret[_-]?key|shared[_-]?access[_-]?key|private[_-]?key|client[_-]?secret"
    r"|credentials?|auth(?:orization)?|session(?:[_-]?id)?|sid|phpsessid|jsessionid|csrf|xsrf"
    r"|signature|sig|otp|pin|cvv|cvc|ssn|card(?:[_-]?number)?|pan|iban"
)
SECRET_KEY = rf"(?i)(?:^|[^a-z0-9])(?:{_NAME})$|[a-z0-9](?:Password|Passwd|Secret|Token|Key)$"
"""Names of fields whose value is a secret, whatever it looks like."""

USER_KEY = (
    r"(?i)(?:^|[^a-z])(?:user|users|username|user[_-]?name|userid|user[_-]?id|login|logname"
    r"|uname|actor|owner[_-]?email|e?mail|enduser[._]id|user[._](?:id|name|email|full_name|hash)"
    r"|account[_-]?name|principal(?:[_-]?name)?|full[_-]?name|nickname|responder|assignee|acknowledger|author)$"
)
"""Names of fields whose value is a person."""

BASE64 = r"[A-Za-z0-9+/_-]{20,}={0,2}"
ENCODED = r"[A-Za-z0-9._~+-]*(?:%[0-9A-Fa-f]{2}[A-Za-z0-9._~+*!'()-]*){2,}"

_Q = r"\\*[\"']?"  # a quote, however often it was escaped
_KEYS_OF_PEOPLE = (
    r"(?:[a-z]+_)?user(?:[ ._-]?(?:name|id))?|usr|[rl]user|login|logname|uname|acct"
    r"|account(?:[ _-]?name)?|owner|actor|principal(?:[ _-]?name)?|full[ _-]?name|nickname|author"
)
_WORD = r"[A-Za-z0-9._$][A-Za-z0-9._$@+-]*"
_VENDORS = (
    r"(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}",
    r"gh[pousr]_[A-Za-z0-9]{16}[A-Za-z0-9]*",
    r"github_pat_[A-Za-z0-9_]{20}[A-Za-z0-9_]*",
    r"glpat-[A-Za-z0-9_-]{16}[A-Za-z0-9_-]*",
    r"xox[abeoprs]-[A-Za-z0-9-]{8}[A-Za-z0-9-]*",
    r"(?:sk|pk|rk)[_-](?:live|test|proj|ant)?[_-]?[A-Za-z0-9_-]{16}[A-Za-z0-9_-]*",
    r"AIza[A-Za-z0-9_-]{30}[A-Za-z0-9_-]*",
    r"ya29\.[A-Za-z0-9_-]{16}[A-Za-z0-9_-]*",
    r"npm_[A-Za-z0-9]{20}[A-Za-z0-9]*",
    r"pypi-[A-Za-z0-9_-]{16}[A-Za-z0-9_-]*",
    r"do[opr]_v1_[a-f0-9]{32}[a-f0-9]*",
    r"SG\.[A-Za-z0-9_-]{16}[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+",
    r"hf_[A-Za-z0-9]{20}[A-Za-z0-9]*",
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{20}[a-fA-F0-9]*",
    r"hvs\.[A-Za-z0-9_-]{16}[A-Za-z0-9_-]*",
    r"NRAK-[A-Z0-9]{20}[A-Z0-9]*",
    r"T[A-Z0-9]{8}[A-Z0-9]*/B[A-Z0-9]{8}[A-Z0-9]*/[A-Za-z0-9]{20}[A-Za-z0-9]*",
)
_VALUE = r"[^\s\"'\\,;&<>(){}\[\]]+"
_SECRETS = {
    "pem": r"-----BEGIN [A-Z0-9 ]+-----[^-]*(?:-----END [A-Z0-9 ]+-----)?",
    "userinfo": r"(?i:\b[a-z][a-z0-9+.-]+)://(?P<userinfo_v>[^\s/@?#\"'<>\\]+)@",
    "cookie": rf"(?i:\b(?:set-)?cookie){_Q}[:=] ?{_Q}(?P<cookie_v>[^\s\"'\\=;]+=[^\r\n\"'\\]*)",
    "jwt": r"\beyJ[A-Za-z0-9_-]{6}[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*",
    "vendor": rf"\b(?:{'|'.join(_VENDORS)})",
    # key=value, "key": "value", key: value, behind escaped quotes and in query strings too
    "field": rf"(?P<field_k>[A-Za-z0-9_.\[\]-]*(?i:{_NAME}))\]?{_Q} ? ?(?:=>|:=|[:=]|%3[dD]) ? ?"
    rf"{_Q}(?i:(?:bearer|basic|token|digest|negotiate|apikey) )?{_Q}(?P<field_v>{_VALUE})",
    "bearer": r"(?i:\b(?:bearer|basic|token|apikey|digest|negotiate))[ :=] ?"
    r"(?P<bearer_v>[A-Za-z0-9._~+/=-]{8}[A-Za-z0-9._~+/=-]*)",
    "query": r"[?&;](?i:key|code|sig|x-amz-[a-z-]+|access_token|id_token)="
    r"(?P<query_v>[^\s&;\"'<>#\\]{4}[^\s&;\"'<>#\\]*)",
    "phrase": r"(?i:--?(?:password|passwd|token|secret|api-key)[ =]|identified by |\bpassword is "
    rf"|<password>|<secret>|<token>){_Q}(?P<phrase_v>[^\s\"'\\,;<>]+)",
    "curl": rf"(?:\s-u|--user|--proxy-user)[ =]{_Q}(?P<curl_v>[^\s\"':]+:[^\s\"']+)",
    # RFC 4120: a realm is written in capitals and stays; a service's host is no person
    "principal": r"(?P<principal_v>[A-Za-z0-9._$-]+(?:/(?:admin|root|cron))?)"
    r"@[A-Z][A-Z0-9-]*(?:\.[A-Z0-9-]+)+\b",
    "email": r"[A-Za-z0-9._%+-]+@(?:[A-Za-z0-9-]+\.)+[A-Za-z][A-Za-z0-9-]+",
    "mac": r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b|\b[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}\b",
    "ipv6": r"(?:\b[0-9A-Fa-f]{1,4})?(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.[0-9]{1,3}){0,3}\b",
    "ipv4": r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b",
    "card": r"\b[3-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{1,7}\b",
    "iban": r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",  # ISO 13616
    "phone": r"\+[1-9][0-9]{0,2}(?:[ .()/-]{0,2}[0-9]){6,13}\b",  # ITU-T E.164
    # United States, United Kingdom, Spain, Poland: forms that little else has
    "national": r"\b(?:[0-9]{3}-[0-9]{2}-[0-9]{4}|[A-CEGHJ-PR-TW-Z]{2}(?: ?[0-9]{2}){3} ?[A-D]"
    r"|[0-9]{8}[A-Z]|[0-9]{11})\b",
    "opaque": r"\b[A-Za-z0-9_-]{32}[A-Za-z0-9_-]*\b",
}
_SPOKEN = (
    "for (?:invalid |illegal |unknown )?user",
    "by user",
    "of user",
    "username",
    "from user",
    "(?:invalid|unknown|illegal|authenticating) user",
    "as user",
    "user",
    "login for",
    "exceeded for",
    "(?:password|publickey|keyboard-interactive/pam|gssapi-with-mic) for",
    r"authenticat(?:ed|ion)(?: \w+)? for",
    "logged in as",
    "impersonating",
    "su to",
    "on behalf of",
    "assigned to",
    "(?:eap )?identity",
    "logon account:",
    r"(?:opened|acked|acknowledged|approved|requested|created"
    r"|triggered|deployed|merged|reported|resolved) by",
)
_PEOPLE = {
    # %u of the common log format (httpd.apache.org/docs/2.4/mod/mod_log_config.html)
    "clf": rf"\S+ \S+ (?P<clf_v>{_WORD}) \[[0-9]{{2}}/[A-Z][a-z]{{2}}/[0-9]{{4}}:",
    "person": rf"(?i:\b(?P<person_k>{_KEYS_OF_PEOPLE})){_Q} ? ?[:=] ? ?{_Q}<?(?P<person_v>{_WORD})",
    "entry": r"(?i:\b(?:uid|samaccountname|userid|memberuid|ugi))="
    r"(?P<entry_v>[A-Za-z][A-Za-z0-9._-]*)",
    # not "user name: …": what follows a colon is a field
    "spoken": rf"(?i:\b(?:{'|'.join(_SPOKEN)})) [\"'`\[(]?(?P<spoken_v>{_WORD})"
    r"(?:[^=:A-Za-z0-9._$@+-]|: |$)",
    # PostgreSQL names a role in quotes, and says what is wrong with it
    "role": r"\brole \"(?P<role_v>[^\"\s]+)\" (?:does|is|cannot)",
    "sudo": rf"\bsudo(?:\[[0-9]+\])?: +(?P<sudo_v>{_WORD}) :",
    # cron(8): (user) CMD (command); crontab(1): (user) REPLACE (user); su(1): (to user) by on tty
    "cron": rf"\]: \((?P<cron_v>{_WORD})\) [A-Z]+ ",
    "crontab": rf"\b(?:REPLACE|LIST|DELETE|EDIT|RELOAD) \((?P<crontab_v>{_WORD})\)",
    "su": rf"\(to {_WORD}\) (?P<su_v>{_WORD}) on ",
    # Spark's SecurityManager: who may see and change an application
    "acls": r"(?:acls to|users with [a-z]+ permissions): (?:Set\()?"
    rf"(?P<acls_v>{_WORD})",
    "home": r"(?:/home/|/Users/|(?i:\\users\\+))(?P<home_v>[A-Za-z0-9._-]+)",
    "hdfs": r"/user/(?P<hdfs_v>[A-Za-z0-9._-]+)/",
    # HDFS audit log: perm=owner:group:mode; OpenVPN: address:port [common name] what happened
    "perm": r"\bperm=(?P<perm_v>[A-Za-z0-9._-]+):[A-Za-z0-9._-]+:[r-][w-]",
    "peer": rf":[0-9]{{1,5}} \[(?P<peer_v>{_WORD})\] [A-Z]",
    "subject": rf"{_Q}\bsub{_Q} ?: ?\\*\"(?P<subject_v>{_WORD})",  # of a token (RFC 7519)
    # Squid's native log; vsftpd; Samba's names before and after mapping
    "proxy": rf"[A-Z_]/[0-9]{{3}} [0-9]+ [A-Z]+ \S+ (?P<proxy_v>{_WORD}) [A-Z_]+/",
    "ftp": rf"\[(?P<ftp_v>{_WORD})\] (?:FAIL|OK) [A-Z]",
    "mapped": rf"\] -> \[(?P<mapped_v>{_WORD})\]",
    "client": rf"\[(?P<client_v>{_WORD})(?:/[^\]]*)?\] \(from client ",  # FreeRADIUS
    "domain": r"\b[A-Z][A-Z0-9-]+\\+(?P<domain_v>[A-Za-z][A-Za-z0-9._-]+)\b",
    "at": r"\b(?P<at_v>[a-z_][a-z0-9_.-]*)@(?P<at_k>[a-z][a-z-][a-z0-9-]*)\b",
}


@dataclass(frozen=True)
class Scan:
    """One alternation of patterns, compiled.

    Parameters
    ----------
    pattern
        The alternation; each alternative is a named group.
    names
        Number of a group to its name. (The library looks these up anew for each match.)
    """

    pattern: re2._Regexp
    names: dict[int, str]

    @classmethod
    def of(cls, alternatives: dict[str, str]) -> Scan:
        """Compile alternatives, the first of which wins where two match at one place."""
        options = re2.Options()
        options.max_mem = 64 << 20
        options.log_errors = False
        text = "|".join(f"(?P<{name}>{one})" for name, one in alternatives.items())
        pattern = re2.compile(text, options)
        return cls(pattern, {number: name for name, number in pattern.groupindex.items()})

    @cached_property
    def groups(self) -> dict[int, tuple[str, int, int]]:
        """Number of an alternative to its name, the group of its value and that of its key.

        The whole alternative where it has no value of its own; 0 where it has no key.
        """
        places = {name: number for number, name in self.names.items()}
        return {
            number: (name, places.get(f"{name}_v", number), places.get(f"{name}_k", 0))
            for number, name in self.names.items()
        }


def compiled(own: dict[str, str]) -> tuple[Scan, Scan]:
    """Compile the two scans: secrets and addresses first, then people in what is left.

    Apart, a harmless "user password" cannot swallow the name of the field behind it.

    Parameters
    ----------
    own
        Name to pattern of the user's own; they come before ours.

    Raises
    ------
    re2.error
        One of the user's patterns is not RE2.
    """
    first = {**{f"own_{name}": one for name, one in own.items()}, **_SECRETS}
    return Scan.of(first), Scan.of(_PEOPLE)
