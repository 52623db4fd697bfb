"""The certificate that the API shows: one of the inventory's, read from its files, or one of the cluster's own.

Of its own, the key stays what it is for as long as the cluster does, and with it what clients have pinned; the
certificate is issued anew, by that key, where the head has another address, or before it ends.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import time
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from provision.core import reading
from provision.core.certificate import TLS, TLS_KEY, CertifiedKey, ShownCertificate
from provision.core.errors import InventoryError, Problem
from provision.core.private import open_to_others
from provision.core.secret import Secret
from provision.inventory.models import Inventory

#: As long as a person's pin holds. It is issued anew when a tenth of that is left.
_YEARS = 10
_LEFT = _YEARS * 365 * 86400 / 10

#: Far above a chain of certificates.
_MAX = 64 * 1024

#: Characters of the file with one of the cluster's own, far above what we write: it is the server's user's.
_OWN = 8 * 1024


class _Unfit(ValueError):
    """`hint` can be typed."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


#: What is wrong with the extensions of a certificate, also one of none.
_ODD = (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError)


def read_given(inventory: Inventory) -> dict[str, Secret]:
    """Of `serve.tls: {cert, key}`, where it has both. Raises InventoryError."""
    tls = inventory.serve.tls if inventory.serve is not None else None
    if tls is None or not tls.cert or not tls.key:
        return {}
    for setting, path in (("cert", tls.cert), ("key", tls.key)):
        try:
            text = _text(Path(path), secret=setting == "key")
            if setting == "cert":
                certificates = _certificates(text, path)
            else:
                key = _key(text, path)
        except _Unfit as unfit:
            raise _problem(inventory, setting, str(unfit), unfit.hint) from None
    if _spki(key.public_key()) != _spki(certificates[0].public_key()):
        raise _problem(
            inventory,
            "key",
            f"`{tls.key}` is not the key of the certificate `{tls.cert}`",
            "name the two that belong together",
        )
    told = _told(certificates)
    if told.ends < time.time():
        ended = time.strftime("%Y-%m-%d", time.gmtime(told.ends))
        hint = "name one that is valid, or write `tls: true`"
        raise _problem(inventory, "cert", f"the certificate `{tls.cert}` ended on {ended}", hint)
    return _both(CertifiedKey(_file(certificates, key), told, TLS), key)


class OwnKey(CertifiedKey):
    """The cluster's own."""

    __slots__ = ("_certificates", "_issued", "_private")

    def __init__(self, private: PrivateKeyTypes, certificates: Sequence[x509.Certificate]) -> None:
        super().__init__(_file(certificates, private), _told(certificates), TLS)
        self._private, self._certificates = private, certificates
        self._issued: dict[tuple[str, ...], OwnKey] = {}

    def certified(self, names: tuple[str, ...]) -> OwnKey:
        if self.certificate.covers(names) and self.certificate.ends - time.time() > _LEFT:
            return self
        if names not in self._issued:
            self._issued[names] = OwnKey(self._private, [_issue(self._private, names)])
        return self._issued[names]

    @property
    def last(self) -> OwnKey:
        """What was made of it, or itself."""
        return next(reversed(self._issued.values()), self)

    @property
    def public(self) -> str:
        """The certificates, without the key."""
        return "".join(_pem(one) for one in self._certificates)


def own_key(held: str = "") -> dict[str, Secret]:
    """Of what a host has, or a fresh one where that is nothing that a server could use."""
    try:
        if len(held) > _OWN:
            raise ValueError
        certificates, private = _certificates(held, "it"), _key(held, "it")
        fits = isinstance(private, ec.EllipticCurvePrivateKey)
        fits = fits and _spki(private.public_key()) == _spki(certificates[0].public_key())
    except (_Unfit, ValueError, UnsupportedAlgorithm):
        fits = False
    if not fits:
        private = ec.generate_private_key(ec.SECP256R1())
    if not fits or len(certificates) > 1 or not _signs_nothing(certificates[0]):
        certificates = [_issue(private, ())]
    return _both(OwnKey(private, certificates), private)


def _signs_nothing(certificate: x509.Certificate) -> bool:
    """As we issue one. The file is the server's own: whoever controls that must not become an authority that clients
    trust."""
    try:
        said = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        return not said.ca and certificate.issuer == certificate.subject
    except _ODD:
        return False


def _both(file: CertifiedKey, key: PrivateKeyTypes) -> dict[str, Secret]:
    """The key by itself, too, so that it is masked where it stands alone."""
    return {TLS: file, TLS_KEY: Secret(_private_pem(key).strip(), TLS_KEY)}


def _issue(private: PrivateKeyTypes, names: tuple[str, ...]) -> x509.Certificate:
    """By itself, and of itself alone: it can sign for nobody else."""
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provision")])
    now = datetime.datetime.now(datetime.timezone.utc)
    public = private.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # A host's clock may be behind.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_YEARS * 365))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    return builder.sign(private, hashes.SHA256())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _told(certificates: Sequence[x509.Certificate]) -> ShownCertificate:
    leaf, *behind = certificates
    der = [one.public_bytes(serialization.Encoding.DER) for one in behind]
    return ShownCertificate(
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        pin=base64.b64encode(hashlib.sha256(_spki(leaf.public_key())).digest()).decode(),
        names=_names(leaf),
        begins=leaf.not_valid_before_utc.timestamp(),
        ends=leaf.not_valid_after_utc.timestamp(),
        own=leaf.issuer == leaf.subject,
        chain=hashlib.sha256(b"".join(der)).hexdigest() if der else "",
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except _ODD:
        return ()
    addresses = (str(address) for address in found.get_values_for_type(x509.IPAddress))
    return (*addresses, *found.get_values_for_type(x509.DNSName))


def _text(path: Path, *, secret: bool) -> str:
    if secret and (mode := open_to_others(path)):
        raise _Unfit(f"`{path}` is open to others (mode {mode})", f"chmod 600 {path}")
    try:
        raw = reading.read_given(path, _MAX + 1)
    except OSError as error:
        raise _Unfit(f"`{path}` cannot be read: {error.strerror}", "name a file that is there") from None
    if len(raw) > _MAX:
        raise _Unfit(f"`{path}` is larger than {_MAX} bytes", "name a file in PEM")
    return raw.decode("utf-8", "replace")


def _certificates(text: str, path: str) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        found = []
    if not found:
        raise _Unfit(f"`{path}` holds no certificate in PEM", "it begins with `-----BEGIN CERTIFICATE-----`")
    return found


def _key(text: str, path: str) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError:
        hint = f"`openssl pkey -in {path} -out KEY` writes it without, for which nobody has to type it at a start"
        raise _Unfit(f"`{path}` has a passphrase", hint) from None
    except (ValueError, UnsupportedAlgorithm):
        hint = "it begins with `-----BEGIN PRIVATE KEY-----`"
        raise _Unfit(f"`{path}` holds no private key in PEM", hint) from None


def _spki(public: object) -> bytes:
    encoded: bytes = public.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _file(certificates: Sequence[x509.Certificate], key: PrivateKeyTypes) -> str:
    return "".join(_pem(one) for one in certificates) + _private_pem(key)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_pem(key: PrivateKeyTypes) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _problem(inventory: Inventory, setting: str, message: str, hint: str) -> InventoryError:
    return InventoryError([Problem(str(inventory.path), 0, 0, f"serve.tls.{setting}", message, hint)])
