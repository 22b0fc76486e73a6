r"""The relation interface `aar`: what a registry and an AMS tell each other.

Each unit writes its own unit databag. The registry (charm `aar`, endpoints `client` and
`publisher`) publishes `certificate`, `fingerprint`, `ip` and `port`; the AMS (charm `ams`,
endpoints `registry-client` and `registry-publisher`) publishes `certificate` and `mode`.

Values of older charms may be quoted as JSON or carry `\n` for line ends; both are read, plain text
is written. A fingerprint is never taken on trust: it is computed from the certificate, and one that
is sent along must agree with it. Charms differ in what they take it of: of the certificate's DER
form, or of the text that they send.
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
    """The other side published something that cannot be used; the message says what."""


@dataclass(frozen=True)
class RegistryData:
    """What a registry publishes."""

    certificate: str
    address: str
    port: int

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate's DER form, as hexadecimal digits."""
        return fingerprint(self.certificate)

    @property
    def url(self) -> str:
        """Where the registry is reached."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"https://{host}:{self.port}"

    def write(self, databag: MutableMapping[str, str]) -> None:
        """Publish."""
        databag.update(
            certificate=self.certificate,
            fingerprint=self.fingerprint,
            ip=self.address,
            port=str(self.port),
        )

    @classmethod
    def read(cls, databag: Mapping[str, str]) -> "RegistryData | None":
        """Read what a registry published; None while it has not published everything."""
        values = {key: _plain(databag.get(key, "")) for key in ("certificate", "ip", "port")}
        if not all(values.values()):
            return None
        certificate = pem(values["certificate"])
        claimed = _plain(databag.get("fingerprint", "")).lower().replace(":", "")
        if claimed and claimed not in _fingerprints(databag["certificate"]):
            raise InvalidRelationDataError("the registry's fingerprint is not its certificate's")
        if not values["port"].isdecimal() or not 0 < int(values["port"]) < 65536:
            raise InvalidRelationDataError(f"the registry's port is {values['port']!r}")
        return cls(certificate, values["ip"], int(values["port"]))


@dataclass(frozen=True)
class AmsData:
    """What an AMS publishes."""

    certificate: str
    mode: str

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the certificate's DER form, as hexadecimal digits."""
        return fingerprint(self.certificate)

    def write(self, databag: MutableMapping[str, str]) -> None:
        """Publish."""
        databag.update(certificate=self.certificate, mode=self.mode)

    @classmethod
    def read(cls, databag: Mapping[str, str], endpoint: str) -> "AmsData | None":
        """Read what an AMS published; None while it has not published everything.

        `endpoint` is the one the AMS is related to, which is also the mode it has to have.
        """
        certificate, mode = (_plain(databag.get(key, "")) for key in ("certificate", "mode"))
        if not certificate and not mode:
            return None
        if mode not in MODES:
            raise InvalidRelationDataError(f"mode {mode!r} is neither client nor publisher")
        if mode != endpoint:
            raise InvalidRelationDataError(f"mode {mode} does not fit the endpoint {endpoint}")
        if not certificate:
            raise InvalidRelationDataError("no certificate was sent")
        return cls(pem(certificate), mode)


def fingerprint(certificate: str) -> str:
    """The SHA-256 of a certificate's DER form, as hexadecimal digits."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem(certificate))).hexdigest()


def pem(text: str) -> str:
    """The first certificate in a text, in the form in which it is compared and written."""
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


def _fingerprints(sent: str) -> set[str]:
    """What a charm may call the fingerprint of a certificate that it sent in this form."""
    texts = {sent, _unquoted(sent), _plain(sent)}
    texts |= {text.strip() for text in texts}
    texts |= {f"{text}\n" for text in texts}
    of_text = {hashlib.sha256(text.encode(errors="replace")).hexdigest() for text in texts}
    return {fingerprint(_plain(sent)), *of_text}


def _unquoted(value: str) -> str:
    """The text of a value that may be quoted as JSON."""
    if not value.strip().startswith('"'):
        return value
    try:
        unquoted = json.loads(value)
    except json.JSONDecodeError:
        return value.strip().strip('"')
    return unquoted if isinstance(unquoted, str) else value


def _plain(value: str) -> str:
    """The text of a value that may be quoted as JSON or have its line ends escaped."""
    return _unquoted(value).replace("\\r", "").replace("\\n", "\n").strip()
