r"""The relation interface `aar` between a registry and an AMS.

Each unit writes its own unit databag. The registry (charm `aar`, endpoints `client` and
`publisher`) publishes `certificate`, `fingerprint`, `ip` and `port`; the AMS (charm `ams`,
endpoints `registry-client` and `registry-publisher`) publishes `certificate` and `mode`.

Older charms may quote values as JSON or write line ends as `\n`; both are read, plain text is
written. The fingerprint is computed from the certificate, and a published one has to match. Some
charms compute it from the certificate's DER form, others from its text; both match.
"""

import base64
import binascii
import hashlib
import json
import ssl
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

LIBID = "6f1c1c3a4f0b4d0c9c6b8a0b8f6f7a11"
LIBAPI = 0
LIBPATCH = 2

CLIENT = "client"
PUBLISHER = "publisher"
MODES = (CLIENT, PUBLISHER)


class InvalidRelationDataError(Exception):
    """The other side published invalid data; the message says which."""


@dataclass(frozen=True)
class RegistryData:
    """The data that a registry publishes."""

    certificate: str
    address: str
    port: int

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate's DER form, in hexadecimal digits."""
        return fingerprint(self.certificate)

    @property
    def url(self) -> str:
        """The URL of the registry."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"https://{host}:{self.port}"

    def write(self, databag: MutableMapping[str, str]) -> None:
        """Publish the data in a unit databag."""
        databag.update(
            certificate=self.certificate,
            fingerprint=self.fingerprint,
            ip=self.address,
            port=str(self.port),
        )

    @classmethod
    def read(cls, databag: Mapping[str, str]) -> "RegistryData | None":
        """Read the data of a registry; None while it is incomplete."""
        values = {key: _plain(databag.get(key, "")) for key in ("certificate", "ip", "port")}
        if not all(values.values()):
            return None
        certificate = pem(values["certificate"])
        published = _plain(databag.get("fingerprint", "")).lower().replace(":", "")
        if published and published not in _fingerprints(databag["certificate"]):
            raise InvalidRelationDataError(
                "the registry's fingerprint does not match its certificate"
            )
        if not values["port"].isdecimal() or not 0 < int(values["port"]) < 65536:
            raise InvalidRelationDataError(f"the registry's port {values['port']!r} is invalid")
        return cls(certificate, values["ip"], int(values["port"]))


@dataclass(frozen=True)
class AmsData:
    """The data that an AMS publishes."""

    certificate: str
    mode: str

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate's DER form, in hexadecimal digits."""
        return fingerprint(self.certificate)

    def write(self, databag: MutableMapping[str, str]) -> None:
        """Publish the data in a unit databag."""
        databag.update(certificate=self.certificate, mode=self.mode)

    @classmethod
    def read(cls, databag: Mapping[str, str], endpoint: str) -> "AmsData | None":
        """Read the data of an AMS; None while it is incomplete.

        `endpoint` is the registry's endpoint of the relation, which requires the mode of its name.
        """
        certificate, mode = (_plain(databag.get(key, "")) for key in ("certificate", "mode"))
        if not certificate and not mode:
            return None
        if mode not in MODES:
            raise InvalidRelationDataError(f"mode {mode!r} is neither client nor publisher")
        if mode != endpoint:
            raise InvalidRelationDataError(f"mode {mode} does not match the endpoint {endpoint}")
        if not certificate:
            raise InvalidRelationDataError("the certificate is missing")
        return cls(pem(certificate), mode)


def fingerprint(certificate: str) -> str:
    """Return the SHA-256 of a certificate's DER form, in hexadecimal digits."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem(certificate))).hexdigest()


def pem(text: str) -> str:
    """Return the first certificate in a text in canonical PEM form."""
    begin, end = ssl.PEM_HEADER, ssl.PEM_FOOTER
    if begin in text:
        text = text[text.index(begin) + len(begin) :].partition(end)[0]
    try:
        der = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRelationDataError("the certificate is not PEM") from error
    if not der.startswith(b"\x30"):
        raise InvalidRelationDataError("the certificate is not PEM")
    return ssl.DER_cert_to_PEM_cert(der)


def _fingerprints(value: str) -> set[str]:
    """Return the fingerprints that a charm may compute of a certificate published in this form."""
    texts = {value, _unquoted(value), _plain(value)}
    texts |= {text.strip() for text in texts}
    texts |= {f"{text}\n" for text in texts}
    of_text = {hashlib.sha256(text.encode(errors="replace")).hexdigest() for text in texts}
    return {fingerprint(_plain(value)), *of_text}


def _unquoted(value: str) -> str:
    """Return the text of a value that may be quoted as JSON."""
    if not value.strip().startswith('"'):
        return value
    try:
        unquoted = json.loads(value)
    except json.JSONDecodeError:
        return value.strip().strip('"')
    return unquoted if isinstance(unquoted, str) else value


def _plain(value: str) -> str:
    """Return the text of a value that may be quoted as JSON or have escaped line ends."""
    return _unquoted(value).replace("\\r", "").replace("\\n", "\n").strip()
