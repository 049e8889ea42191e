"""What is wrong with a certificate is said, and it is not asked again."""

from __future__ import annotations

import asyncio
import datetime
import ssl

import pytest

from workbench.connectors.transport.http import Http, HttpSettings
from workbench.connectors.transport.tls import trusted
from workbench.errors import SourceRefused, SourceUnreachable

cryptography = pytest.importorskip("cryptography")

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n"
    b"connection: close\r\n\r\n{}"
)


def named(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def certificate(folder, *, name="localhost", issuer=None, start=-DAY, end=DAY):
    """Write a certificate and its key; of itself where there is no issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    by, by_key = issuer or (named(name), key)
    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + start)
        .not_valid_after(NOW + end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(by_key, hashes.SHA256())
    )
    path = folder / f"{name}-{made.serial_number}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path, (made.subject, key)


def ask(served, ca_file=None, *, by_address=False, plain=False):
    """Ask a loopback server with this certificate; how often it was connected to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served)
    counted = []

    async def serve(reader, writer):
        counted.append(1)
        try:
            await (reader.read(1) if plain else reader.readuntil(b"\r\n\r\n"))
            writer.write(ANSWER)
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def run():
        own = None if plain else context
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=own)
        port = server.sockets[0].getsockname()[1]
        host = "127.0.0.1" if by_address else "localhost"
        made = Http(HttpSettings(url=f"https://{host}:{port}", ca_file=ca_file, deadline_s=5))
        try:
            return await made.json("GET", "/")
        finally:
            await made.aclose()
            server.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("ca"), name="an authority")


def test_a_certificate_of_a_trusted_authority_is_taken(tmp_path, authority):
    ca, issuer = authority
    served, _ = certificate(tmp_path, issuer=issuer)
    assert ask(served, ca).payload == {}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"end": -DAY / 2}, "expired"),
        ({"start": DAY / 2}, "not valid yet"),
        ({"name": "other.example"}, "for another name"),
    ],
)
def test_each_fault_of_a_certificate_is_named(tmp_path, authority, changes, said):
    ca, issuer = authority
    served, _ = certificate(tmp_path, issuer=issuer, **changes)
    with pytest.raises(SourceRefused, match=f"A certificate {said}") as caught:
        ask(served, ca)
    assert "ssl" not in str(caught.value).lower()
    assert caught.value.__cause__ is None


def test_self_signed_wrong_address_and_unknown_authority(tmp_path, authority):
    ca, issuer = authority
    own, _ = certificate(tmp_path)
    with pytest.raises(SourceRefused, match="self-signed"):
        ask(own, ca)
    signed, _ = certificate(tmp_path, issuer=issuer)
    with pytest.raises(SourceRefused, match="authority that is not trusted"):
        ask(signed)
    with pytest.raises(SourceRefused, match="for another address"):
        ask(signed, ca, by_address=True)


def test_https_asked_of_http_is_named(tmp_path, authority):
    with pytest.raises((SourceRefused, SourceUnreachable)) as caught:
        ask(authority[0], plain=True)
    assert "TLS could not be agreed on" in str(caught.value) or "reached" in str(caught.value)


def test_a_bad_ca_file_is_a_named_error(tmp_path):
    (tmp_path / "empty.pem").write_text("no certificate")
    for name in ("empty.pem", "none.pem", ""):
        with pytest.raises(SourceRefused, match="ca_file"):
            trusted(tmp_path / name)


def test_public_authorities_are_read_once_and_asked_of_everybody():
    context = trusted(None)
    assert context is trusted(None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
