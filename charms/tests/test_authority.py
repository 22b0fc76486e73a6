"""The registry's certificate, issued by an authority, refused by it, renewed, and gone with it."""

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


def asked(
    context: testing.Context, relation: testing.Relation, *others: testing.Relation, **config: Any
) -> testing.State:
    state = testing.State(relations=[relation, *others], config=config)
    return context.run(context.on.config_changed(), state)


def told(
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


def in_relation(state: testing.State, relation: testing.Relation) -> testing.Relation:
    found = state.get_relation(relation.id)
    assert isinstance(found, testing.Relation)
    return found


def test_an_issued_certificate_is_shown_and_told_to_every_ams(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    authority, client = Signer(), related("client", "ams", u0=ams(new_certificate()))
    relation = authority.relation()
    state = asked(context, relation, client, location="registry.example.com")
    assert state.unit_status == ActiveStatus()
    assert in_relation(state, client).local_unit_data["certificate"] == certificate

    restarts = program.restarts
    answered = authority.answer(in_relation(state, relation))
    state = told(context, state, answered)
    assert state.unit_status == ActiveStatus()
    assert program.restarts == restarts + 1
    shown = (program.base / "certs/server.crt").read_text()
    assert shown.count(ssl.PEM_HEADER) == 2
    assert "PRIVATE KEY" in (program.base / "certs/server.key").read_text()
    assert (program.base / "certs/server.key").stat().st_mode & 0o777 == 0o600
    leaf = in_relation(state, client).local_unit_data
    assert leaf["certificate"].count(ssl.PEM_HEADER) == 1
    assert leaf["fingerprint"] == fingerprint(leaf["certificate"])
    assert leaf["certificate"] != certificate

    # The same answer again changes nothing; a renewal does.
    state = told(context, state, answered)
    assert program.restarts == restarts + 1
    state = told(context, state, authority.answer(in_relation(state, relation)))
    assert program.restarts == restarts + 2
    renewed = in_relation(state, client).local_unit_data
    assert renewed["fingerprint"] != leaf["fingerprint"]


def test_a_refusal_blocks_and_the_registry_goes_on_with_its_own_certificate(
    context: testing.Context, program: Model, certificate: str
) -> None:
    authority = Signer()
    relation = authority.relation()
    state = asked(context, relation)
    refused = authority.refuse(in_relation(state, relation), "this address is not ours")
    state = told(context, state, refused)
    assert state.unit_status == BlockedStatus(
        "the authority refuses a certificate: this address is not ours"
    )
    assert (program.base / "certs/server.crt").read_text() == certificate


def test_an_authority_that_goes_takes_its_certificate_with_it(
    context: testing.Context,
    program: Model,
    certificate: str,
    new_certificate: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority, client = Signer(), related("client", "ams", u0=ams(new_certificate()))
    relation = authority.relation()
    state = asked(context, relation, client)
    state = told(context, state, authority.answer(in_relation(state, relation)))

    own = new_certificate()
    file = program.base / "certs/server.crt"
    monkeypatch.setattr(SnapProgram, "restart", lambda _: file.write_text(own))
    state = context.run(context.on.relation_broken(in_relation(state, relation)), state)
    assert state.unit_status == ActiveStatus()
    assert not (program.base / "certs/server.key").exists()
    assert in_relation(state, client).local_unit_data["certificate"] == own


def test_a_unit_without_an_address_asks_for_nothing(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = Signer().relation()
    state = asked(context, relation, public_interface="eth9")
    assert isinstance(state.unit_status, BlockedStatus)
    assert "eth9" in state.unit_status.message
    assert "certificate_signing_requests" not in in_relation(state, relation).local_unit_data


@pytest.mark.parametrize(
    ("host", "encoded"), [("höst.example.com", "xn--hst-sna.example.com"), ("vm.local", "vm.local")]
)
def test_a_name_is_asked_for_as_certificates_write_it(
    host: str,
    encoded: str,
    context: testing.Context,
    program: Model,
    certificate: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: host)
    relation = Signer().relation()
    state = asked(context, relation, location="10.0.0.9")
    assert state.unit_status == ActiveStatus()
    [request] = requests(in_relation(state, relation))
    assert request.sans_dns == frozenset({encoded})
    assert request.sans_ip == frozenset({"10.0.0.9"})


@pytest.mark.parametrize("name", ["a..b", "ö" * 70])
def test_a_name_that_no_certificate_can_have_blocks(
    name: str, context: testing.Context, program: Model, certificate: str
) -> None:
    relation = Signer().relation()
    state = asked(context, relation, location=name)
    assert isinstance(state.unit_status, BlockedStatus)
    assert state.unit_status.message.startswith("a certificate cannot have the name of this unit")
    assert "certificate_signing_requests" not in in_relation(state, relation).local_unit_data


def test_a_certificate_that_the_registry_does_not_start_with_gives_way_to_the_former_one(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    authority, client = Signer(), related("client", "ams", u0=ams(new_certificate()))
    relation = authority.relation()
    state = asked(context, relation, client)
    shown = program.base / "certs/server.crt"
    program.refusal = lambda _: "" if shown.read_text() == certificate else "the key does not fit"
    state = told(context, state, authority.answer(in_relation(state, relation)))
    assert state.unit_status == BlockedStatus(
        "the key does not fit; it has got back what it ran with before"
    )
    assert shown.read_text() == certificate
    assert in_relation(state, client).local_unit_data["certificate"] == certificate


def requests(relation: testing.Relation) -> list[tls.CertificateSigningRequest]:
    asked = json.loads(relation.local_unit_data["certificate_signing_requests"])
    return [
        tls.CertificateSigningRequest.from_string(entry["certificate_signing_request"])
        for entry in asked
    ]
