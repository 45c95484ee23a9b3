"""TLS: the connection goes to a checked address, the certificate is checked for the host's name."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from toolyard_sdk.egress import EgressGrant, secret
from toolyard_sdk.errors import EgressRefused
from toolyard_sdk.http import ToolEgress, open_egress

from tests.sdk.http.network import OTHER_PUBLIC, PUBLIC, SECRETS, Server, World, answer, moved, settle

GRANT = EgressGrant(hosts=("*",), secrets={"token": ("*.example.org",)})


class Authority:
    """A certificate authority that only this test believes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Toolyard tests")])
        self.certificate = self._signed(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def for_host(self, host: str) -> ssl.SSLContext:
        """Return what a server at `host` needs."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        signed = self._signed(subject, key, x509.SubjectAlternativeName([name]))
        file = self._folder / f"{host}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def believed(self) -> ssl.SSLContext:
        """Return what a client needs that believes this authority."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@asynccontextmanager
async def believing(world: World, authority: Authority) -> AsyncIterator[ToolEgress]:
    made = open_egress(resolve=world.resolve, dial=world.dial, ssl_context=authority.believed())
    try:
        yield made.for_tool("weather", GRANT, world.reveal)
    finally:
        await made.close()


async def secure(world: World, address: str, certificate: ssl.SSLContext, body: bytes = b"safe") -> Server:
    server = Server(lambda _: answer(body))
    await server.open(certificate)
    world.homes[address] = server
    return server


async def test_the_name_is_checked_though_the_connection_is_made_to_an_address(
    world: World, authority: Authority
) -> None:
    world.names["api.example.org"] = (PUBLIC,)
    server = await secure(world, PUBLIC, authority.for_host("api.example.org"))
    async with believing(world, authority) as tool:
        for _ in range(2):
            reply = await tool.request("GET", "https://api.example.org/", headers={"X-Key": secret("token")})
            assert reply.body == b"safe"
    assert world.dialled == [PUBLIC]
    assert server.got[0].headers["x-key"] == SECRETS["token"]


async def test_a_certificate_for_another_name_is_refused_and_nothing_is_sent(
    world: World, authority: Authority
) -> None:
    world.names["api.example.org"] = (PUBLIC,)
    server = await secure(world, PUBLIC, authority.for_host("evil.example.net"))
    async with believing(world, authority) as tool:
        with pytest.raises(ConnectionRefusedError, match="its certificate is not accepted"):
            await tool.request("GET", "https://api.example.org/", headers={"X-Key": secret("token")})
    assert server.got == []


async def test_a_certificate_of_an_authority_that_nobody_believes_is_refused(
    world: World, authority: Authority
) -> None:
    world.names["api.example.org"] = (PUBLIC,)
    server = await secure(world, PUBLIC, authority.for_host("api.example.org"))
    with pytest.raises(ConnectionRefusedError, match="its certificate is not accepted"):
        await world.tool().request("GET", "https://api.example.org/")
    assert server.got == []


async def test_a_server_without_tls_is_not_talked_to_in_the_clear(world: World, authority: Authority) -> None:
    world.names["api.example.org"] = (PUBLIC,)
    server = await settle(world, PUBLIC, lambda _: answer())
    async with believing(world, authority) as tool:
        with pytest.raises(ConnectionRefusedError, match="nothing was sent"):
            await tool.request("GET", "https://api.example.org/", timeout=0.3)
    assert server.got == []


async def test_two_names_at_one_address_do_not_share_a_connection(world: World, authority: Authority) -> None:
    world.names |= {"a.example.org": (PUBLIC,), "b.example.org": (PUBLIC,)}
    await secure(world, PUBLIC, authority.for_host("a.example.org"))
    async with believing(world, authority) as tool:
        assert (await tool.request("GET", "https://a.example.org/")).body == b"safe"
        with pytest.raises(ConnectionRefusedError, match="certificate"):
            await tool.request("GET", "https://b.example.org/")


async def test_after_a_secret_was_sent_no_redirect_leads_out_of_tls(world: World, authority: Authority) -> None:
    world.names["api.example.org"] = (PUBLIC,)
    server = await secure(world, PUBLIC, authority.for_host("api.example.org"))
    server.reply = lambda _: moved("http://api.example.org/plain")
    async with believing(world, authority) as tool:
        with pytest.raises(EgressRefused, match="leads to an unencrypted connection"):
            await tool.request("GET", "https://api.example.org/", headers={"X-Key": secret("token")})
    assert server.connections == 1


async def test_without_one_it_may(world: World, authority: Authority) -> None:
    world.names |= {"api.example.org": (PUBLIC,), "plain.example.org": (OTHER_PUBLIC,)}
    server = await secure(world, PUBLIC, authority.for_host("api.example.org"))
    server.reply = lambda _: moved("http://plain.example.org/")
    await settle(world, OTHER_PUBLIC, lambda _: answer(b"plain"))
    async with believing(world, authority) as tool:
        assert (await tool.request("GET", "https://api.example.org/")).body == b"plain"


async def test_an_address_has_a_certificate_of_its_own(world: World, authority: Authority) -> None:
    await secure(world, PUBLIC, authority.for_host(PUBLIC))
    await secure(world, OTHER_PUBLIC, authority.for_host("api.example.org"))
    async with believing(world, authority) as tool:
        assert (await tool.request("GET", f"https://{PUBLIC}/")).body == b"safe"
        with pytest.raises(ConnectionRefusedError, match="certificate"):
            await tool.request("GET", f"https://{OTHER_PUBLIC}/")
