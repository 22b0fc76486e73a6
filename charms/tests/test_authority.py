"""A certificate of an authority: issued, denied, renewed, and removed with the relation."""

import json
import socket
import ssl
from typing import Any

import pytest
from charmlibs.interfaces import tls_certificates as tls
from ops import testing
from ops.testing import ActiveStatus, BlockedStatus
from signer import Signer
from test_aar import Certificates, Model, ams, certificate, context, program, related

from charms.aar.v0.aar_interface import fingerprint
from charms.aar.v0.snap_program import SnapProgram

__all__ = ["certificate", "context", "program"]


def configured(
    context: testing.Context, relation: testing.Relation, *others: testing.Relation, **config: Any
) -> testing.State:
    state = testing.State(relations=[relation, *others], config=config)
    return context.run(context.on.config_changed(), state)


def changed(
    context: testing.Context, state: testing.State, relation: testing.Relation
) -> testing.State:
    others = [other for other in state.relations if other.id != relation.id]
    state = testing.State(
        relations=[relation, *others],
        config=state.config,
        secrets=state.secrets,
        stored_states=state.stored_states,
    )
    return context.run(context.on.relation_changed(relation), state)


def relation_in(state: testing.State, relation: testing.Relation) -> testing.Relation:
    found = state.get_relation(relation.id)
    assert isinstance(found, testing.Relation)
    return found


def test_issued_certificate_is_served_and_published(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    authority, client = Signer(), related("client", "ams", u0=ams(new_certificate()))
    relation = authority.relation()
    state = configured(context, relation, client, location="registry.example.com")
    assert state.unit_status == ActiveStatus()
    assert relation_in(state, client).local_unit_data["certificate"] == certificate

    restarts = program.restarts
    granted = authority.grant(relation_in(state, relation))
    state = changed(context, state, granted)
    assert state.unit_status == ActiveStatus()
    assert program.restarts == restarts + 1
    file = (program.base / "certs/server.crt").read_text()
    assert file.count(ssl.PEM_HEADER) == 2
    assert "PRIVATE KEY" in (program.base / "certs/server.key").read_text()
    assert (program.base / "certs/server.key").stat().st_mode & 0o777 == 0o600
    leaf = relation_in(state, client).local_unit_data
    assert leaf["certificate"].count(ssl.PEM_HEADER) == 1
    assert leaf["fingerprint"] == fingerprint(leaf["certificate"])
    assert leaf["certificate"] != certificate

    # The same certificate again changes nothing; a renewed one does.
    state = changed(context, state, granted)
    assert program.restarts == restarts + 1
    state = changed(context, state, authority.grant(relation_in(state, relation)))
    assert program.restarts == restarts + 2
    renewed = relation_in(state, client).local_unit_data
    assert renewed["fingerprint"] != leaf["fingerprint"]


def test_denied_certificate_blocks_and_the_self_signed_one_stays(
    context: testing.Context, program: Model, certificate: str
) -> None:
    authority = Signer()
    relation = authority.relation()
    state = configured(context, relation)
    denied = authority.deny(relation_in(state, relation), "this address is not ours")
    state = changed(context, state, denied)
    assert state.unit_status == BlockedStatus(
        "the authority denied the certificate: this address is not ours"
    )
    assert (program.base / "certs/server.crt").read_text() == certificate


def test_removed_authority_relation_removes_its_certificate(
    context: testing.Context,
    program: Model,
    certificate: str,
    new_certificate: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority, client = Signer(), related("client", "ams", u0=ams(new_certificate()))
    relation = authority.relation()
    state = configured(context, relation, client)
    state = changed(context, state, authority.grant(relation_in(state, relation)))

    own = new_certificate()
    file = program.base / "certs/server.crt"
    monkeypatch.setattr(SnapProgram, "restart", lambda _: file.write_text(own))
    state = context.run(context.on.relation_broken(relation_in(state, relation)), state)
    assert state.unit_status == ActiveStatus()
    assert not (program.base / "certs/server.key").exists()
    assert relation_in(state, client).local_unit_data["certificate"] == own


def test_unit_without_an_address_requests_no_certificate(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = Signer().relation()
    state = configured(context, relation, public_interface="eth9")
    assert isinstance(state.unit_status, BlockedStatus)
    assert "eth9" in state.unit_status.message
    assert "certificate_signing_requests" not in relation_in(state, relation).local_unit_data


@pytest.mark.parametrize(
    ("host", "encoded"), [("höst.example.com", "xn--hst-sna.example.com"), ("vm.local", "vm.local")]
)
def test_non_ascii_name_is_requested_in_idna_form(
    host: str,
    encoded: str,
    context: testing.Context,
    program: Model,
    certificate: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: host)
    relation = Signer().relation()
    state = configured(context, relation, location="10.0.0.9")
    assert state.unit_status == ActiveStatus()
    [request] = requests(relation_in(state, relation))
    assert request.sans_dns == frozenset({encoded})
    assert request.sans_ip == frozenset({"10.0.0.9"})


@pytest.mark.parametrize("name", ["a..b", "ö" * 70])
def test_name_that_certificates_cannot_have_blocks(
    name: str, context: testing.Context, program: Model, certificate: str
) -> None:
    relation = Signer().relation()
    state = configured(context, relation, location=name)
    assert isinstance(state.unit_status, BlockedStatus)
    assert state.unit_status.message.startswith(
        "a certificate cannot contain the name of this unit"
    )
    assert "certificate_signing_requests" not in relation_in(state, relation).local_unit_data


def test_former_certificate_is_restored_when_the_registry_does_not_start(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    authority, client = Signer(), related("client", "ams", u0=ams(new_certificate()))
    relation = authority.relation()
    state = configured(context, relation, client)
    file = program.base / "certs/server.crt"
    program.start_error = lambda _: (
        "" if file.read_text() == certificate else "the key does not fit"
    )
    state = changed(context, state, authority.grant(relation_in(state, relation)))
    assert state.unit_status == BlockedStatus(
        "the key does not fit; the former files were restored"
    )
    assert file.read_text() == certificate
    assert relation_in(state, client).local_unit_data["certificate"] == certificate


def requests(relation: testing.Relation) -> list[tls.CertificateSigningRequest]:
    entries = json.loads(relation.local_unit_data["certificate_signing_requests"])
    return [
        tls.CertificateSigningRequest.from_string(entry["certificate_signing_request"])
        for entry in entries
    ]
