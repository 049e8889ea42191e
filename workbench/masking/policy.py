"""What is masked: a file of one's own, or the defaults."""

from __future__ import annotations

import ipaddress
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

import pydantic
import re2
import yaml

from workbench.bounded_yaml import MOST_CHARACTERS, document
from workbench.errors import BadInput
from workbench.masking.patterns import Scan

__all__ = ["Kind", "Policy", "read_policy"]

Kind: TypeAlias = Literal[
    "user", "email", "ip", "mac", "token", "secret", "card", "iban", "phone", "national", "encoded"
]
# National numbers look like orders' and cases' numbers: who has them in logs switches them on.
_USUAL: tuple[Kind, ...] = (
    "user",
    "email",
    "ip",
    "mac",
    "token",
    "secret",
    "card",
    "iban",
    "phone",
    "encoded",
)


class Policy(pydantic.BaseModel):
    """What is masked and what stays.

    Parameters
    ----------
    kinds
        Kinds that are masked. ``encoded`` looks into base64 and URL encoding; ``card`` and
        ``iban`` need their check digits; ``national`` (social security and tax numbers of some
        countries) is off where nothing is said.
    private_addresses
        Mask addresses of private networks too; they stay by default, as host and service
        names do: they say where the trouble is.
    internal_networks
        Networks whose addresses stay though they are public, in CIDR notation.
    harmless_users
        Accounts that are no person, beside the usual ones of systems.
    never
        Texts that stay wherever they are found.
    patterns
        Name to RE2 pattern of one's own; a match is masked as a secret.
    secret_fields, user_fields
        Names of fields whose value is always masked.
    """

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", ignored_types=(cached_property,)
    )

    kinds: tuple[Kind, ...] = pydantic.Field(default=_USUAL, description="kinds that are masked")
    private_addresses: bool = pydantic.Field(default=False, description="mask private addresses")
    internal_networks: tuple[str, ...] = pydantic.Field(default=(), description="CIDR that stays")
    harmless_users: frozenset[str] = pydantic.Field(
        default=frozenset(), description="accounts that are no person"
    )
    never: frozenset[str] = pydantic.Field(default=frozenset(), description="texts that stay")
    patterns: dict[str, str] = pydantic.Field(default_factory=dict, description="RE2 of one's own")
    secret_fields: frozenset[str] = pydantic.Field(default=frozenset(), repr=False)
    user_fields: frozenset[str] = pydantic.Field(default=frozenset())

    @pydantic.field_validator("internal_networks")
    @classmethod
    def _networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            ipaddress.ip_network(value)
        return values

    @pydantic.field_validator("patterns")
    @classmethod
    def _linear(cls, values: dict[str, str]) -> dict[str, str]:
        for name, pattern in values.items():
            if not name.isidentifier():
                message = f"{name!r} is no name for a pattern: letters, digits and _"
                raise ValueError(message)
            try:
                Scan.of({name: pattern})
            except re2.error as error:
                message = f"{name}: not an RE2 pattern: {error}"
                raise ValueError(message) from None
        return values

    @cached_property
    def networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The internal networks, read."""
        return tuple(ipaddress.ip_network(value) for value in self.internal_networks)


def read_policy(path: Path | str) -> Policy:
    """Read a policy from a YAML file.

    Raises
    ------
    BadInput
        The file cannot be read, is not YAML, or says something a policy does not know.
    """
    file = Path(path).expanduser()
    try:
        with file.open(encoding="utf-8") as stream:
            _, raw = document(stream.read(MOST_CHARACTERS + 1))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(fact="A masking policy that cannot be read", value=str(file)) from error
    try:
        return Policy.model_validate(raw or {})
    except pydantic.ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise BadInput(fact="A masking policy with errors", value=str(file), hint=told) from None
