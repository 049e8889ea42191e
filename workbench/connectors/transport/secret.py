"""Secrets by reference: settings name where a secret lies, and only a request ever holds it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic

from workbench.errors import BadInput, MissingPart, SourceRefused

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Auth", "SecretRef", "read_secret"]

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


def read_secret(reference: str) -> str:
    """Read a secret from where it lies.

    Raises
    ------
    SourceRefused
        Nothing lies there.
    MissingPart
        The keyring package is not installed.
    """
    where, _, name = _reference(reference).partition(":")
    found = _READERS[where](name)
    if not found:
        hint = "Set it in the environment" if where == "env" else "Store it with keyring set"
        raise SourceRefused(fact="A secret is not where it should be", value=reference, hint=hint)
    return found


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
    except ImportError as error:
        hint = "pip install 'incident-workbench[keyring]'"
        raise MissingPart(fact="The keyring package is not installed", hint=hint) from error
    found: str | None = keyring.get_password(service, user)
    return found


_READERS: dict[str, Callable[[str], str | None]] = {"env": os.environ.get, "keyring": _of_keyring}
