"""Certificates: which are trusted, and what is wrong with one that is not."""

from __future__ import annotations

import ssl
from functools import cache
from typing import TYPE_CHECKING

import httpx

from workbench.errors import SourceRefused

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["tls_fault", "trusted"]

# X509_V_ERR_* of OpenSSL ("openssl-verification-options", x509_vfy.h).
_FAULTS = {
    9: "not valid yet",
    10: "expired",
    18: "self-signed",
    19: "signed by an authority that is not trusted",
    20: "signed by an authority that is not trusted",
    21: "signed by an authority that is not trusted",
    23: "revoked",
    62: "for another name",
    64: "for another address",
}
_HINTS = {
    "expired": "Renew it; or is this machine's clock wrong?",
    "not valid yet": "Is this machine's clock wrong?",
    "for another name": "Use the name it is for as url",
    "for another address": "Use the name it is for as url",
}
_TRUST = "If it is right, name its authority as ca_file"


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """Make a context that trusts a file of certificates, or the public authorities.

    Raises
    ------
    SourceRefused
        The file cannot be read, or holds no certificate.
    """
    if ca_file is None:
        return _public_authorities()
    try:
        return ssl.create_default_context(cafile=str(ca_file.expanduser()))
    except ssl.SSLError as error:
        fact = "A ca_file without certificates"
        raise SourceRefused(fact, value=str(ca_file), hint="It is PEM text") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        fact = f"A ca_file that cannot be read ({why})"
        raise SourceRefused(fact, value=str(ca_file)) from error


def tls_fault(error: BaseException, place: str) -> SourceRefused | None:
    """Say which fault of TLS ended a connection, or None where it was another.

    Parameters
    ----------
    error
        What the HTTP library raised.
    place
        The address that was asked.
    """
    found: BaseException | None = error
    while found is not None and not isinstance(found, ssl.SSLError):
        found = found.__cause__ or found.__context__
    if found is None:
        return None
    if isinstance(found, ssl.SSLCertVerificationError):
        fault = _FAULTS.get(found.verify_code)
        if fault is None:
            return SourceRefused("A certificate that cannot be verified", value=place, hint=_TRUST)
        return SourceRefused(f"A certificate {fault}", value=place, hint=_HINTS.get(fault, _TRUST))
    if isinstance(found, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return None  # the connection was lost, which may pass
    hint = f"Does it speak https? ({found.reason or 'no reason given'})"
    return SourceRefused("TLS could not be agreed on", value=place, hint=hint)


@cache
def _public_authorities() -> ssl.SSLContext:
    # Once a process: reading them takes some 18 ms, a collection opens a client a source.
    return httpx.create_ssl_context(trust_env=False)
