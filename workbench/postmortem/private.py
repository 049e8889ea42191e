"""Find what should not be in a shared text: e-mail and outside addresses, credentials.

Simple patterns, honestly so: names of people and free text are not recognised.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["private_parts"]

_EMAIL = re.compile(r"[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,}\b")
_ADDRESS = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){2,7})(?![\w:]|\.\d)"
)
_CREDENTIAL = re.compile(
    r"\b(AKIA[0-9A-Z]{16}|gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,}|glpat-[\w-]{15,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|sk-[A-Za-z0-9]{20,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|(?i:\b(?:bearer|password|passwd|api[_-]?key|secret|token)\b\s*[=: ]\s*\S{8,})"
)


def private_parts(text: str) -> Iterator[str]:
    """Say what was found, with no more than the first letters of it."""
    yield from (f"an e-mail address: {m.group()[:3]}…" for m in _EMAIL.finditer(text))
    yield from (f"a credential: {m.group()[:4]}…" for m in _CREDENTIAL.finditer(text))
    for match in _ADDRESS.finditer(text):
        if _is_global(match.group()):
            yield f"an external address: {match.group()[:4]}…"


def _is_global(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False
