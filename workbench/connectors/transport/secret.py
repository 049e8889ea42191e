"""Secrets by reference: settings name where a secret lies, and only a request ever holds it."""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic

from workbench.errors import BadInput, MissingPart, SourceRefused

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Auth", "SecretRef", "header_secret", "is_reference", "read_secret"]

_HINT = "Write env:NAME or keyring:SERVICE/USER; a secret itself never stands in a file"


def _reference(text: str) -> str:
    where, _, name = text.partition(":")
    user = name.partition("/")[2] if where == "keyring" else name
    # The text is not shown: it may be the secret itself.
    if where not in _READERS or not name or not user:
        raise BadInput(fact="Not a reference to a secret", hint=_HINT)
    return text


def _checked(text: str) -> str:
    try:
        return _reference(text)
    except BadInput as error:
        raise ValueError(str(error)) from None


SecretRef = Annotated[str, pydantic.AfterValidator(_checked)]
"""Where a secret lies: ``env:NAME`` or ``keyring:SERVICE/USER``."""


def is_reference(text: str) -> bool:
    """Whether a text says where a secret lies."""
    where, _, name = text.partition(":")
    return where in _READERS and bool(name)


def read_secret(reference: str) -> str:
    """Read a secret from where it lies.

    Raises
    ------
    SourceRefused
        Nothing lies there, or something that is no secret: bytes that are not text, a line
        break, a control character. It is not shown.
    MissingPart
        The keyring package is not installed.
    """
    where, _, name = _reference(reference).partition(":")
    found = _READERS[where](name)
    if not found:
        hint = "Set it in the environment" if where == "env" else "Store it with keyring set"
        raise SourceRefused(fact="A secret is not where it should be", value=reference, hint=hint)
    if why := _odd(found):
        fact = f"A secret that {why}"
        raise SourceRefused(fact, value=reference, hint="Store it without")
    return found


def header_secret(reference: str) -> str:
    """Read a secret that is sent as the value of a header, where only ASCII may stand.

    Raises
    ------
    SourceRefused, MissingPart
        See `read_secret`; or it holds other characters (RFC 9110, section 5.5).
    """
    secret = read_secret(reference)
    if not secret.isascii() or secret != secret.strip():
        fact = "A secret that no header can hold"
        hint = "Only ASCII may be sent, without blanks around it"
        raise SourceRefused(fact, value=reference, hint=hint)
    return secret


def _odd(secret: str) -> str:
    """Say what is wrong with a secret, without repeating any of it."""
    if secret.endswith(("\n", "\r")):
        return "ends in a line break"
    if any(unicodedata.category(char) == "Cs" for char in secret):  # bytes that are not UTF-8
        return "is not text"
    if any(unicodedata.category(char) == "Cc" for char in secret):
        return "holds a control character"
    return ""


class Auth(pydantic.BaseModel):
    """How a source knows who asks.

    Parameters
    ----------
    kind
        ``none``, ``basic`` (`user` and the secret), ``bearer``, or ``header`` (the secret as the
        value of header `name`).
    user, name
        Where the kind needs them.
    secret
        Reference to the password, token or key.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["none", "basic", "bearer", "header"] = "none"
    user: str = ""
    name: str = ""
    secret: SecretRef | None = pydantic.Field(default=None, repr=False)

    @pydantic.model_validator(mode="after")
    def _whole(self) -> Auth:
        lacks = [
            field
            for field, kinds in (
                ("secret", {"basic", "bearer", "header"}),
                ("user", {"basic"}),
                ("name", {"header"}),
            )
            if self.kind in kinds and not getattr(self, field)
        ]
        if lacks:
            message = f"auth of kind {self.kind!r} needs {' and '.join(lacks)}"
            raise ValueError(message)
        return self


def _of_keyring(name: str) -> str | None:
    service, _, user = name.partition("/")
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        hint = "pip install 'incident-workbench[keyring]'"
        raise MissingPart(fact="The keyring package is not installed", hint=hint) from error
    try:
        found: str | None = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        fact = f"The keyring cannot be read ({type(error).__name__})"
        raise SourceRefused(fact, value=service, hint="Unlock it, or use env:NAME") from None
    return found


_READERS: dict[str, Callable[[str], str | None]] = {"env": os.environ.get, "keyring": _of_keyring}
