"""Installations that sign their own certificate, which is the usual case."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sap_wire import Wire, serving

from ml_connector.connectors.errors import ConnectorError
from ml_connector.connectors.sap_business_one.client import ServiceLayer
from ml_connector.connectors.sap_business_one.pinging import Test as ConnectionTest


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate signed by itself, its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "b1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "b1.pem"
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, form, plain)
    )
    return path


@pytest.fixture
async def wire(certificate: Path) -> AsyncIterator[Wire]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with serving(context) as wire:
        yield wire


async def test_with_its_authority_named_the_server_is_trusted(wire: Wire, certificate: Path) -> None:
    layer = ServiceLayer(wire.side(ca_bundle=str(certificate)))
    assert await layer.rows("Currencies") == []
    await layer.close()
    assert (wire.logins, wire.logouts) == (1, 1)


async def test_without_it_nothing_is_sent(wire: Wire) -> None:
    layer = ServiceLayer(wire.side())
    with pytest.raises(ConnectorError):
        await layer.session.sign_in()
    await layer.close()
    assert wire.logins == 0


async def test_the_connection_test_says_to_name_the_authority(wire: Wire, certificate: Path) -> None:
    layer = ServiceLayer(wire.side())
    steps = [step async for step in ConnectionTest(layer, branch="").steps()]
    assert [(step.name, step.ok) for step in steps] == [("reach", True), ("TLS", False)]
    assert "ca_bundle" in steps[-1].advice
    await layer.close()
    layer = ServiceLayer(wire.side(ca_bundle=str(certificate)))
    steps = [step async for step in ConnectionTest(layer, branch="").steps()]
    assert next(step for step in steps if step.name == "TLS").ok
    await layer.close()
