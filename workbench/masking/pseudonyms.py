"""Keyed pseudonyms: the same text is the same name, and nobody without the key can tell whose.

HMAC-SHA-256 (RFC 2104) cut to 64 bits: among 100,000 texts two collide once in 3.7 thousand
million workspaces. The key is made once a workspace and lies outside every bundle.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from workbench.errors import BadInput
from workbench.writing import write_new

__all__ = ["Pseudonyms", "workspace_key"]

_BYTES = 32  # of a key that is made
_FEWEST_BYTES = 16  # of a key that is taken: 128 bits


class Pseudonyms:
    """Names for texts under one key.

    Parameters
    ----------
    key
        At least 16 bytes.

    Raises
    ------
    BadInput
        A shorter key.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < _FEWEST_BYTES:
            raise BadInput(fact="A masking key that is too short", hint="At least 16 bytes")
        self._key = key

    def __repr__(self) -> str:
        """Say nothing of the key."""
        return "Pseudonyms()"

    @property
    def fingerprint(self) -> str:
        """Tell this key from others; nothing of the key can be learned from it."""
        return self.seal(b"fingerprint of the key")[:16]

    def seal(self, data: bytes) -> str:
        """Seal bytes: who has not the key can neither alter them unseen nor guess them."""
        return hmac.digest(self._key, b"seal\0" + data, "sha256").hex()

    def of(self, kind: str, text: str) -> str:
        """Name a text: ``<kind:16 hexadecimal digits>``."""
        told = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        return f"<{kind}:{hmac.digest(self._key, told, 'sha256').hex()[:16]}>"


def workspace_key(path: Path | str | None = None) -> bytes:
    """Read the workspace's key, or make it where there is none yet.

    Parameters
    ----------
    path
        The key's file; ``$WORKBENCH_MASKING_KEY``, else ``incident-workbench/masking.key`` in
        the user's configuration folder. Only its owner may read it.

    Raises
    ------
    BadInput
        The file holds no key, or others may read it.
    CannotWrite
        There is none, and none can be made there.
    """
    file = Path(path or os.environ.get("WORKBENCH_MASKING_KEY") or _default()).expanduser()
    if not file.exists():
        write_new(file, secrets.token_hex(_BYTES).encode("ascii"), private=True)
    if os.name == "posix" and file.stat().st_mode & 0o077:
        raise BadInput(fact="A masking key that others may read", value=str(file), hint="chmod 600")
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        hint = "Restore it: pseudonyms of another key do not join with those of this one"
        raise BadInput(fact="Not a masking key", value=str(file), hint=hint) from error
    if len(key) < _FEWEST_BYTES:
        raise BadInput(fact="Not a masking key", value=str(file), hint="It is too short")
    return key


def _default() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "incident-workbench" / "masking.key"
