"""The certificate of the API: one that the inventory names, or one of the cluster's own."""

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from provision.core.certificate import TLS, TLS_KEY, CertifiedKey
from provision.core.errors import InventoryError
from provision.core.secret import living
from provision.inventory.models import Host, Inventory, Serve, Tls
from provision.serving.certificate import OwnKey, own_key, read_given

NAMES = ("10.0.0.1", "127.0.0.1", "localhost")
YEAR = 365 * 86400


def own(held: str = "") -> OwnKey:
    key = own_key(held)[TLS]
    assert isinstance(key, OwnKey)
    return key


def pem(key: CertifiedKey) -> str:
    return key.reveal()


def pair(folder: Path, key: OwnKey | None = None) -> tuple[Path, Path]:
    """A certificate and its key, each in a file of its own."""
    text = pem(key or own().certified(NAMES))
    at = text.index("-----BEGIN PRIVATE")
    (cert := folder / "cert.pem").write_text(text[:at])
    (private := folder / "key.pem").touch(mode=0o600)
    private.write_text(text[at:])
    return cert, private


def given(folder: Path, cert: Path, key: Path) -> CertifiedKey:
    serve = Serve(model="m", tls=Tls(cert=str(cert), key=str(key)))
    host = Host(name="a", address="10.0.0.1", role="head")
    read = read_given(Inventory(path=folder / "a.yaml", cluster="a", hosts=(host,), serve=serve))
    found = read[TLS]
    assert isinstance(found, CertifiedKey) and read[TLS_KEY].reveal() in pem(found)
    return found


def test_one_of_the_clusters_own_is_for_the_names_it_is_asked_by_and_python_trusts_it(tmp_path: Path) -> None:
    key = own().certified(NAMES)
    assert key.certificate.names == NAMES and key.certificate.own
    assert key.certificate.covers(["localhost"]) and not key.certificate.covers(["10.0.0.2"])
    ssl.create_default_context(cadata=key.public)
    (file := tmp_path / "both.pem").write_text(pem(key))
    # As uvicorn reads it: both from one file.
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, file)


def test_what_a_host_has_stays_the_certificate_and_another_address_keeps_the_key_that_clients_pin() -> None:
    made = own().certified(NAMES)
    held = own(pem(made))
    assert held.certified(NAMES).certificate == made.certificate
    assert held.last.public == made.public
    moved = held.certified(("10.0.0.2",))
    assert moved.certificate.fingerprint != made.certificate.fingerprint
    assert moved.certificate.pin == made.certificate.pin
    assert held.certified(("10.0.0.2",)) is moved and held.last is moved


def test_one_that_ends_soon_is_issued_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made = own().certified(NAMES)
    before = made.certificate.ends - 2 * YEAR
    monkeypatch.setattr("provision.serving.certificate.time.time", lambda: before)
    assert made.certified(NAMES) is made
    monkeypatch.setattr("provision.serving.certificate.time.time", lambda: before + 1.5 * YEAR)
    assert made.certified(NAMES).certificate.fingerprint != made.certificate.fingerprint
    assert made.certified(NAMES).certificate.pin == made.certificate.pin


@pytest.mark.parametrize("held", ["", "x", "cut", "of two"])
def test_what_no_server_could_use_is_replaced(held: str) -> None:
    first, second = pem(own().certified(NAMES)), pem(own().certified(NAMES))
    text = {"cut": first[:-200], "of two": first[: first.index("-----BEGIN PRIVATE")] + second}.get(held, held)
    key = own(text).certified(NAMES)
    assert key.certificate.fingerprint not in (own(first).certificate.fingerprint, own(second).certificate.fingerprint)
    assert ssl.create_default_context(cadata=key.public)


def test_a_file_that_is_far_longer_than_ours_is_not_looked_into() -> None:
    """The server's user could put anything there."""
    first = own_key()[TLS]
    assert own_key(first.reveal())[TLS].reveal() == first.reveal()
    assert own_key(first.reveal() + "#" * 8192)[TLS].reveal() != first.reveal()


def test_the_key_is_a_secret_by_itself() -> None:
    made = own_key()
    text = pem(own(pem(made[TLS])))  # type: ignore[arg-type]
    private = text[text.index("-----BEGIN PRIVATE") :].strip()
    assert made[TLS_KEY].reveal() == private
    assert "PRIVATE" not in f"{made[TLS]!r} {made[TLS]} {made[TLS_KEY]}"
    assert any(one.reveal() == private for one in living())


def test_a_given_one_is_what_its_files_say(tmp_path: Path) -> None:
    key = own().certified(("api.example.org",))
    found = given(tmp_path, *pair(tmp_path, key))
    assert found.certificate == key.certificate and found.certificate.chain == ""
    # It is not ours to issue it anew.
    assert found.certified(NAMES) is found


def test_what_stands_behind_it_in_the_file_counts_and_the_first_is_the_servers(tmp_path: Path) -> None:
    key = own().certified(NAMES)
    cert, private = pair(tmp_path, key)
    alone = given(tmp_path, cert, private).certificate
    cert.write_text(cert.read_text() + own().certified(NAMES).public)
    with_chain = given(tmp_path, cert, private).certificate
    assert with_chain.fingerprint == alone.fingerprint and with_chain.chain


def test_a_pair_that_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    cert, private = pair(tmp_path)
    text = pem(own().certified(NAMES))
    private.write_text(text[text.index("-----BEGIN PRIVATE") :])
    with pytest.raises(InventoryError, match="is not the key of the certificate"):
        given(tmp_path, cert, private)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("no certificate", "holds no certificate in PEM"),
        ("no key", "holds no private key in PEM"),
        ("passphrase", "has a passphrase"),
        ("open", "is open to others"),
        ("gone", "cannot be read"),
        ("huge", "is larger than"),
    ],
)
def test_files_that_no_server_could_use_are_refused_before_any_host_is_asked(
    spoil: str, said: str, tmp_path: Path
) -> None:
    cert, private = pair(tmp_path)
    if spoil == "no certificate":
        cert.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    elif spoil == "no key":
        private.write_text(cert.read_text())
    elif spoil == "passphrase":
        locked = serialization.BestAvailableEncryption(b"x")
        pkcs8 = serialization.PrivateFormat.PKCS8
        private.write_bytes(
            ec.generate_private_key(ec.SECP256R1()).private_bytes(serialization.Encoding.PEM, pkcs8, locked)
        )
    elif spoil == "open":
        private.chmod(0o644)
    elif spoil == "gone":
        cert.unlink()
    else:
        cert.write_text("x" * 70_000)
    with pytest.raises(InventoryError, match=said) as caught:
        given(tmp_path, cert, private)
    assert "PRIVATE KEY-----\nM" not in str(caught.value)


def test_one_of_an_authority_is_not_the_clusters_own(tmp_path: Path) -> None:
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("api", "authority")]
    certificate = (
        x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=90))
        .sign(authority, hashes.SHA256())
    )  # fmt: skip
    encoding = serialization.Encoding.PEM
    (cert := tmp_path / "cert.pem").write_bytes(certificate.public_bytes(encoding))
    (private := tmp_path / "key.pem").touch(mode=0o600)
    plain = (serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    private.write_bytes(key.private_bytes(encoding, *plain))
    found = given(tmp_path, cert, private).certificate
    assert (found.own, found.names) == (False, ())


@pytest.mark.parametrize("spoil", ["an authority", "a chain", "not an end"])
def test_what_a_server_could_sign_others_with_is_issued_anew_for_its_key(spoil: str) -> None:
    """Clients are told to trust the file, and the server's user owns it."""
    text = pem(own().certified(NAMES))
    private = serialization.load_pem_private_key(text[text.index("-----BEGIN PRIVATE") :].encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "provision")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(names, critical=False)
    )  # fmt: skip
    if spoil == "an authority":
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    more = builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    at = text.index("-----BEGIN PRIVATE")
    held = own(text[:at] + more + text[at:] if spoil == "a chain" else more + text[at:])
    made = held.certified(NAMES)
    assert made.certificate.pin == own(text).certificate.pin
    (issued,) = x509.load_pem_x509_certificates(made.public.encode())
    assert not issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
