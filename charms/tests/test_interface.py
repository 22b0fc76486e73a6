import base64
import hashlib
import json
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from charms.aar.v0.aar_interface import (
    AmsData,
    InvalidRelationDataError,
    RegistryData,
    fingerprint,
)

CHARMS = Path(__file__).parent.parent


def test_libraries_of_both_charms_are_equal() -> None:
    def libraries(charm: str) -> dict[Path, str]:
        root = CHARMS / charm / "lib"
        return {path.relative_to(root): path.read_text() for path in root.rglob("*.py")}

    assert libraries("aar") == libraries("ams") != {}


def test_written_relation_data_is_read_back(new_certificate: Callable[[], str]) -> None:
    databag: dict[str, str] = {}
    registry = RegistryData(new_certificate(), "10.0.0.5", 3000)
    registry.write(databag)
    assert databag["fingerprint"] == fingerprint(registry.certificate)
    assert RegistryData.read(databag) == registry
    databag = {}
    ams = AmsData(new_certificate(), "publisher")
    ams.write(databag)
    assert AmsData.read(databag, "publisher") == ams


@pytest.mark.parametrize("form", ["json", "escaped", "crlf", "bare", "spaced", "explained"])
def test_values_of_older_charms_are_read(form: str, new_certificate: Callable[[], str]) -> None:
    pem = new_certificate()
    sent = {
        "json": json.dumps(pem),
        "escaped": pem.replace("\n", "\\n"),
        "crlf": pem.replace("\n", "\\r\\n"),
        "bare": base64.b64encode(ssl.PEM_cert_to_DER_cert(pem)).decode(),
        "spaced": f"\n  {pem}\n\n",
        "explained": f"Certificate:\n    Data:\n{pem}{pem}",
    }[form]
    read = AmsData.read({"certificate": sent, "mode": '"client"'}, "client")
    assert read is not None
    assert read.fingerprint == fingerprint(pem)


def of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def with_colons(digest: str) -> str:
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2)).upper()


@pytest.mark.parametrize(
    "compute",
    [
        lambda sent, pem: of_text(pem),
        lambda sent, pem: of_text(pem.rstrip("\n")),
        lambda sent, pem: of_text(sent),
        lambda sent, pem: fingerprint(pem),
        lambda sent, pem: with_colons(of_text(pem)),
        lambda sent, pem: with_colons(fingerprint(pem)),
        lambda sent, pem: json.dumps(fingerprint(pem)),
    ],
    ids=["text", "stripped", "sent", "der", "text-colons", "der-colons", "quoted"],
)
@pytest.mark.parametrize("send", [str, json.dumps, str.strip], ids=["plain", "json", "stripped"])
def test_fingerprint_of_der_or_text_is_accepted(
    send: Callable[[str], str],
    compute: Callable[[str, str], str],
    new_certificate: Callable[[], str],
) -> None:
    pem = new_certificate()
    sent = send(pem)
    databag = {"certificate": sent, "fingerprint": compute(sent, pem), "ip": "h", "port": "3000"}
    read = RegistryData.read(databag)
    assert read is not None
    # AMS uses the fingerprint of the DER form in any case.
    assert read.fingerprint == hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_incomplete_relation_data_is_not_read(new_certificate: Callable[[], str]) -> None:
    assert AmsData.read({}, "client") is None
    assert RegistryData.read({"certificate": new_certificate(), "ip": "10.0.0.5"}) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mode": "publisher"}, "mode publisher does not match the endpoint client"),
        ({"mode": "leader"}, "mode 'leader' is neither"),
        ({"certificate": ""}, "the certificate is missing"),
        ({"certificate": "garbage!"}, "not PEM"),
    ],
)
def test_invalid_ams_data_is_reported(
    change: dict[str, str], reason: str, new_certificate: Callable[[], str]
) -> None:
    databag = {"certificate": new_certificate(), "mode": "client"} | change
    with pytest.raises(InvalidRelationDataError, match=reason):
        AmsData.read(databag, "client")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fingerprint": "0" * 64}, "fingerprint does not match its certificate"),
        ({"fingerprint": of_text("")}, "fingerprint does not match its certificate"),
        ({"certificate": "\\ud800"}, "not PEM"),
        ({"port": "0"}, "port '0' is invalid"),
        ({"port": "http"}, "port 'http' is invalid"),
    ],
)
def test_invalid_registry_data_is_reported(
    change: dict[str, str], reason: str, new_certificate: Callable[[], str]
) -> None:
    databag: dict[str, str] = {}
    RegistryData(new_certificate(), "10.0.0.5", 3000).write(databag)
    with pytest.raises(InvalidRelationDataError, match=reason):
        RegistryData.read(databag | change)


def test_url_of_an_ipv6_registry_has_brackets(new_certificate: Callable[[], str]) -> None:
    assert RegistryData(new_certificate(), "fd00::5", 3000).url == "https://[fd00::5]:3000"
