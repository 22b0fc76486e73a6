"""Every event and every status of the charm `aar`; its program is replaced by a small model."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ops import testing
from ops.testing import ActiveStatus, BlockedStatus

from charms.aar.v0.aar_interface import MODES, fingerprint, pem
from charms.aar.v0.snap_program import Output, ProgramError, SnapProgram
from registry import Registry

Certificates = Callable[[], str]


class Model:
    """The behaviour of the program that the charm depends on."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.trusted: dict[str, str] = {}
        self.revoked: set[str] = set()
        self.restarts = 0
        self.installed: list[tuple[str, str]] = []
        self.calls: list[tuple[str, ...]] = []
        # The error that keeps it from starting with a configuration; empty if it starts.
        self.start_error: Callable[[str], str] = lambda _config: ""
        self.is_up = True
        self.stored = 1

    def install(self, revision: str, former: str, file: Path | None) -> str:
        self.installed.append((revision, former))
        return revision

    def restart(self) -> None:
        self.restarts += 1
        self.is_up = not self.start_error(self.config)

    @property
    def config(self) -> str:
        return (self.base / "conf/main.yaml").read_text()

    def presented(self) -> str:
        if not self.is_up:
            raise ConnectionRefusedError("Connection refused")
        return pem((self.base / "certs/server.crt").read_text())

    def call(self, *args: str, stdin: str = "", **_: Any) -> Output:
        self.calls.append(args)
        response = self.respond(*args, stdin=stdin)
        return response if isinstance(response, Output) else Output(response)

    def respond(self, *args: str, stdin: str = "") -> str | Output:
        match args:
            case ("--version",):
                return "aar 0.1.0\n"
            case ("check-config", path):
                if "root-directory" not in (text := Path(path).read_text()) and "s3" not in text:
                    raise ProgramError(f"{path}:1: storage: neither fs nor s3")
                return ""
            case ("status", "--format", "json"):
                return json.dumps({"applications": self.stored, "blobs": self.stored})
            case ("storage", "migrate", "--to", _):
                return ""
            case ("trust", "list", "--format", "json", *_):
                rows = [{"Fingerprint": f, "Role": role} for f, role in self.trusted.items()]
                return json.dumps(rows)
            case ("trust", "add", "--quiet", *flags):
                digest = fingerprint(stdin)
                if digest in self.revoked:
                    raise ProgramError(f"the certificate {digest} is revoked")
                self.trusted[digest] = "publisher" if flags else "client"
                return ""
            case ("trust", "remove", digest):
                del self.trusted[digest]
                return ""
            case ("trust", "revoke", "--yes", digest):
                del self.trusted[digest]
                self.revoked.add(digest)
                return Output(notes=f"{digest} is revoked for ever\n")
            case ("storage", "verify"):
                raise ProgramError("database and storage do not agree", Output("corrupt: [1]\n"))
            case ("gc", *flags):
                return Output(f"gc {flags}\n", "0 B freed\n")
        raise AssertionError(args)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    model = Model(tmp_path)
    monkeypatch.setattr(Registry, "base", tmp_path)
    monkeypatch.setattr(Registry, "presented_certificate", lambda _: model.presented())
    monkeypatch.setattr(SnapProgram, "restart_timeout", 0)
    monkeypatch.setattr(SnapProgram, "response_timeout", 0)
    monkeypatch.setattr(SnapProgram, "install", model.install)
    monkeypatch.setattr(SnapProgram, "stop", lambda _: None)
    monkeypatch.setattr(SnapProgram, "restart", lambda _: model.restart())
    monkeypatch.setattr(SnapProgram, "last_error", lambda *_: model.start_error(model.config))
    monkeypatch.setattr(SnapProgram, "call", lambda _, *a, **k: model.call(*a, **k))
    return model


@pytest.fixture
def certificate(program: Model, new_certificate: Certificates) -> str:
    """The certificate that the registry has created."""
    (program.base / "certs").mkdir()
    pem = new_certificate()
    (program.base / "certs/server.crt").write_text(pem)
    return pem


@pytest.fixture
def context(aar_charm: Any, program: Model) -> testing.Context:
    return testing.Context(aar_charm)


def related(endpoint: str, remote: str, **units: dict[str, str]) -> testing.Relation:
    data = {int(name.removeprefix("u")): bag for name, bag in units.items()}
    return testing.Relation(endpoint, remote_app_name=remote, remote_units_data=data)


def ams(pem: str, mode: str = "client") -> dict[str, str]:
    return {"certificate": pem, "mode": mode}


@pytest.mark.parametrize(
    "event", ["install", "upgrade_charm", "start", "config_changed", "update_status"]
)
def test_lifecycle_events_end_with_active_status(
    event: str, context: testing.Context, program: Model, certificate: str
) -> None:
    state = context.run(getattr(context.on, event)(), testing.State())
    assert state.unit_status == ActiveStatus()
    assert state.workload_version == "0.1.0"
    assert state.opened_ports == {testing.TCPPort(3000)}
    config = yaml.safe_load((program.base / "conf/main.yaml").read_text())
    assert config["http"]["addr"].endswith(":3000")
    assert config["storage"] == {"fs": {"root-directory": str(program.base / "data")}}


def test_unchanged_configuration_does_not_restart_the_registry(
    context: testing.Context, program: Model, certificate: str
) -> None:
    state = context.run(context.on.install(), testing.State())
    context.run(context.on.update_status(), state)
    assert program.restarts == 1


def test_snap_revision_is_installed(
    context: testing.Context, program: Model, certificate: str
) -> None:
    state = testing.State(config={"snap_revision": "42"})
    state = context.run(context.on.config_changed(), state)
    state = dataclasses.replace(state, config={})
    context.run(context.on.config_changed(), state)
    assert program.installed == [("42", ""), ("", "42")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("storage: [", "storage_config is not YAML in line"),
        ("s3: {}", "needs the top-level key 'storage'"),
        ("[storage]", "needs the top-level key 'storage'"),
        ("storage: {tape: {}}", "storage_config, line 1: storage: neither fs nor s3"),
    ],
)
def test_invalid_storage_config_blocks_and_keeps_the_running_one(
    text: str, reason: str, context: testing.Context, program: Model, certificate: str
) -> None:
    state = context.run(context.on.install(), testing.State())
    before = (program.base / "conf/main.yaml").read_text()
    bad = dataclasses.replace(state, config={"storage_config": text})
    state = context.run(context.on.config_changed(), bad)
    assert isinstance(state.unit_status, BlockedStatus)
    assert reason in state.unit_status.message
    assert (program.base / "conf/main.yaml").read_text() == before
    assert not (program.base / "conf/candidate.yaml").exists()


def test_trust_of_a_removed_relation_is_withdrawn_despite_other_failures(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    relation = related("client", "ams", u0=ams(new_certificate()))
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert program.trusted
    state = dataclasses.replace(state, config={"storage_config": "storage: ["})
    state = context.run(context.on.relation_broken(state.get_relation(relation.id)), state)
    assert isinstance(state.unit_status, BlockedStatus)
    assert program.trusted == {}


@pytest.mark.parametrize(
    "option", [{"public_interface": "eth9"}, {"port": 0}, {"snap_revision": "7"}]
)
def test_trust_of_a_removed_relation_is_withdrawn_despite_invalid_options(
    option: dict[str, Any],
    context: testing.Context,
    program: Model,
    certificate: str,
    new_certificate: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> str:
        raise ProgramError("the store does not respond")

    relation = related("client", "ams", u0=ams(new_certificate()))
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert program.trusted
    if "snap_revision" in option:
        monkeypatch.setattr(SnapProgram, "install", fail)
    state = dataclasses.replace(state, config=option)
    state = context.run(context.on.relation_broken(state.get_relation(relation.id)), state)
    assert isinstance(state.unit_status, BlockedStatus)
    assert program.trusted == {}


def test_trust_of_a_removed_relation_is_withdrawn_before_the_configuration_changes(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    relation = related("client", "ams", u0=ams(new_certificate()))
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    program.calls.clear()
    state = dataclasses.replace(state, config={"port": 3001})
    context.run(context.on.relation_broken(state.get_relation(relation.id)), state)
    names = [call[:2] for call in program.calls]
    assert names.index(("trust", "remove")) < [name for name, *_ in names].index("check-config")


def test_storage_config_is_written_verbatim(
    context: testing.Context, program: Model, certificate: str
) -> None:
    text = "storage:\n  s3:\n    region: eu-west-3\n    bucket: 0123  # a comment\n"
    context.run(context.on.config_changed(), testing.State(config={"storage_config": text}))
    assert text in program.config


@pytest.mark.parametrize(("stored", "moves"), [(0, True), (1, False)])
def test_only_an_empty_registry_moves_to_another_storage(
    stored: int, moves: bool, context: testing.Context, program: Model, certificate: str
) -> None:
    program.stored = stored
    text = "storage: {s3: {region: eu-west-3, bucket: aar0}}"
    context.run(context.on.config_changed(), testing.State(config={"storage_config": text}))
    assert any(call[:2] == ("storage", "migrate") for call in program.calls) == moves


@pytest.mark.parametrize("port", [0, -1, 70000])
def test_invalid_port_blocks(
    port: int, context: testing.Context, program: Model, certificate: str
) -> None:
    state = context.run(context.on.config_changed(), testing.State(config={"port": port}))
    assert state.unit_status == BlockedStatus(f"port: {port} is not a port from 1 to 65535")


def test_failed_restart_is_retried_at_the_next_event(
    context: testing.Context, program: Model, certificate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: SnapProgram) -> None:
        raise ProgramError("cannot restart the snap aar: another change is in progress")

    state = context.run(context.on.install(), testing.State())
    state = dataclasses.replace(state, config={"port": 3001})
    with monkeypatch.context() as patch:
        patch.setattr(SnapProgram, "restart", refuse)
        state = context.run(context.on.config_changed(), state)
    assert isinstance(state.unit_status, BlockedStatus)
    state = context.run(context.on.update_status(), state)
    assert state.unit_status == ActiveStatus()
    assert program.restarts == 2


def test_unresponsive_registry_blocks_and_publishes_nothing(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    state = context.run(context.on.install(), testing.State())
    program.is_up = False
    relation = related("client", "ams", u0=ams(new_certificate()))
    state = dataclasses.replace(state, relations=[relation])
    state = context.run(context.on.relation_changed(relation), state)
    assert state.unit_status == BlockedStatus("the registry does not respond: Connection refused")
    assert "certificate" not in state.get_relation(relation.id).local_unit_data


def test_unknown_public_interface_blocks(context: testing.Context, certificate: str) -> None:
    state = testing.State(config={"public_interface": "eth9"})
    state = context.run(context.on.config_changed(), state)
    assert state.unit_status == BlockedStatus(
        "public_interface: the interface eth9 does not exist or has no address"
    )


def network(endpoint: str, address: str, ingress: str) -> testing.Network:
    eth0 = testing.BindAddress([testing.Address(address)], interface_name=f"eth-{endpoint}")
    return testing.Network(endpoint, bind_addresses=[eth0], ingress_addresses=[ingress])


@pytest.mark.parametrize(
    ("config", "listens", "published"),
    [
        ({}, ":3000", {"client": "203.0.113.1", "publisher": "203.0.113.2"}),
        ({"location": "example.com"}, ":3000", dict.fromkeys(MODES, "example.com")),
        (
            {"public_interface": "eth-publisher"},
            "10.2.0.1:3000",
            dict.fromkeys(MODES, "10.2.0.1"),
        ),
    ],
)
def test_relation_data_has_the_ingress_address_of_each_relation(
    config: dict[str, str],
    listens: str,
    published: dict[str, str],
    context: testing.Context,
    program: Model,
    certificate: str,
) -> None:
    relations = [related(mode, mode) for mode in MODES]
    networks = {
        network("client", "10.1.0.1", "203.0.113.1"),
        network("publisher", "10.2.0.1", "203.0.113.2"),
    }
    state = testing.State(relations=relations, networks=networks, config=config)
    state = context.run(context.on.config_changed(), state)
    assert state.unit_status == ActiveStatus()
    assert yaml.safe_load(program.config)["http"]["addr"] == listens
    for relation in relations:
        bag = state.get_relation(relation.id).local_unit_data
        assert bag["ip"] == published[relation.endpoint]


def test_relation_data_has_address_and_certificate(
    context: testing.Context, certificate: str, new_certificate: Certificates
) -> None:
    relation = related("client", "ams", u0=ams(new_certificate()))
    state = testing.State(relations=[relation], config={"location": "203.0.113.9", "port": 3001})
    state = context.run(context.on.relation_changed(relation), state)
    published = state.get_relation(relation.id).local_unit_data
    assert published["certificate"] == certificate
    assert published["fingerprint"] == fingerprint(certificate)
    assert (published["ip"], published["port"]) == ("203.0.113.9", "3001")


def test_trust_of_every_relation_is_kept(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    pems = [new_certificate() for _ in range(4)]
    relations = [
        related("client", "ams-a", u0=ams(pems[0]), u1=ams(pems[1])),
        related("client", "ams-b", u0=ams(pems[2])),
        related("publisher", "ams-c", u0=ams(pems[3], "publisher")),
    ]
    state = testing.State(relations=relations)
    state = context.run(context.on.relation_changed(relations[1]), state)
    assert state.unit_status == ActiveStatus()
    roles = {fingerprint(pem): "client" for pem in pems[:3]} | {fingerprint(pems[3]): "publisher"}
    assert program.trusted == roles

    # A unit leaves, then a whole relation; what others brought stays.
    state = context.run(
        context.on.relation_departed(
            state.get_relation(relations[0].id), remote_unit=1, departing_unit=1
        ),
        state,
    )
    assert fingerprint(pems[1]) not in program.trusted
    remaining = dataclasses.replace(
        state.get_relation(relations[0].id), remote_units_data={0: ams(pems[0])}
    )
    others = [relation for relation in state.relations if relation.id != remaining.id]
    state = dataclasses.replace(state, relations=[remaining, *others])
    state = context.run(context.on.relation_broken(state.get_relation(relations[2].id)), state)
    assert program.trusted.keys() == {fingerprint(pems[0]), fingerprint(pems[2])}


def test_certificate_added_by_hand_stays_trusted(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    by_hand = fingerprint(new_certificate())
    program.trusted[by_hand] = "client"
    relation = related("client", "ams", u0=ams(new_certificate()))
    state = testing.State(relations=[relation])
    state = context.run(context.on.relation_changed(relation), state)
    context.run(context.on.relation_broken(state.get_relation(relation.id)), state)
    assert program.trusted == {by_hand: "client"}


@pytest.mark.parametrize("role", ["client", "publisher"])
def test_certificate_added_by_hand_stays_trusted_after_its_relation_is_removed(
    role: str,
    context: testing.Context,
    program: Model,
    certificate: str,
    new_certificate: Certificates,
) -> None:
    pem = new_certificate()
    program.trusted[fingerprint(pem)] = role
    relation = related(role, "ams", u0=ams(pem, role))
    state = testing.State(relations=[relation])
    for _ in range(2):
        state = context.run(context.on.relation_changed(relation), state)
        relation = state.get_relation(relation.id)
    context.run(context.on.relation_broken(relation), state)
    assert program.trusted == {fingerprint(pem): role}


def test_state_of_an_older_charm_is_used(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    pem = new_certificate()
    program.trusted[fingerprint(pem)] = "client"
    (program.base / "conf").mkdir()
    file = {
        "http": {"addr": "192.0.2.0:3000"},
        "storage": {"fs": {"root-directory": str(program.base / "data")}},
    }
    (program.base / "conf/main.yaml").write_text(yaml.safe_dump(file, sort_keys=False))
    noted = testing.StoredState(
        owner_path="AarCharm",
        content={
            "fingerprints": [fingerprint(pem)],
            "asked": "42",
            "issued": False,
            "in_bucket": False,
        },
    )
    relation = related("client", "ams", u0=ams(pem))
    state = testing.State(relations=[relation], stored_states={noted})
    state = context.run(context.on.upgrade_charm(), state)
    assert state.unit_status == ActiveStatus()
    assert program.installed == [("", "42")]
    assert yaml.safe_load(program.config) == file
    context.run(context.on.relation_broken(state.get_relation(relation.id)), state)
    assert program.trusted == {}


def test_renewed_certificate_replaces_the_old_one(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    relation = related("client", "ams", u0=ams(new_certificate()))
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    renewed = new_certificate()
    relation = dataclasses.replace(
        state.get_relation(relation.id), remote_units_data={0: ams(renewed)}
    )
    state = dataclasses.replace(state, relations=[relation])
    context.run(context.on.relation_changed(relation), state)
    assert program.trusted == {fingerprint(renewed): "client"}


@pytest.mark.parametrize(
    ("bag", "reason"),
    [
        ({"mode": "publisher", "certificate": "x"}, "mode publisher does not match"),
        ({"mode": "client"}, "the certificate is missing"),
        ({"mode": "client", "certificate": "x"}, "not PEM"),
    ],
)
def test_invalid_relation_data_blocks_and_other_units_are_trusted(
    bag: dict[str, str],
    reason: str,
    context: testing.Context,
    program: Model,
    certificate: str,
    new_certificate: Certificates,
) -> None:
    good = new_certificate()
    relation = related("client", "ams", u0=bag, u1=ams(good))
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert isinstance(state.unit_status, BlockedStatus)
    assert state.unit_status.message.startswith("ams/0: ")
    assert reason in state.unit_status.message
    assert program.trusted == {fingerprint(good): "client"}


def test_ams_that_is_client_and_publisher_blocks(
    context: testing.Context, certificate: str, new_certificate: Certificates
) -> None:
    pem = new_certificate()
    relations = [
        related("client", "a", u0=ams(pem)),
        related("publisher", "b", u0=ams(pem, "publisher")),
    ]
    state = context.run(
        context.on.relation_changed(relations[1]), testing.State(relations=relations)
    )
    assert "a client or a publisher, not both" in state.unit_status.message


def test_duplicate_certificate_is_accepted(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    pem = new_certificate()
    relations = [related("client", "a", u0=ams(pem)), related("client", "b", u0=ams(pem))]
    state = testing.State(relations=relations)
    state = context.run(context.on.relation_changed(relations[1]), state)
    assert state.unit_status == ActiveStatus()
    # It stays as long as one of them does.
    context.run(context.on.relation_broken(state.get_relation(relations[0].id)), state)
    assert program.trusted == {fingerprint(pem): "client"}


def test_unavailable_snap_blocks(context: testing.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise ProgramError("cannot install the snap aar: the store does not respond")

    monkeypatch.setattr(SnapProgram, "install", fail)
    state = context.run(context.on.install(), testing.State())
    assert state.unit_status == BlockedStatus(
        "cannot install the snap aar: the store does not respond"
    )


def test_actions_run_their_commands(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    digest = fingerprint(new_certificate())
    program.trusted[digest] = "client"
    context.run(context.on.action("list-trusted"), testing.State())
    results = context.action_results
    assert results is not None
    assert json.loads(results["result"]) == [{"Fingerprint": digest, "Role": "client"}]
    context.run(context.on.action("revoke", params={"fingerprint": digest}), testing.State())
    assert program.revoked == {digest}
    assert context.action_results == {"result": f"{digest} is revoked for ever\n"}
    context.run(context.on.action("gc", params={"dry-run": True}), testing.State())
    assert context.action_results == {"result": "gc ['--dry-run']\n", "notes": "0 B freed\n"}


def test_failed_verification_returns_its_findings(
    context: testing.Context, certificate: str
) -> None:
    with pytest.raises(testing.ActionFailed, match="do not agree"):
        context.run(context.on.action("storage-verify"), testing.State())
    assert context.action_results == {"result": "corrupt: [1]\n"}


def test_revoked_certificate_blocks_and_names_the_unit(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    pem = new_certificate()
    program.revoked.add(fingerprint(pem))
    relation = related("client", "ams", u0=ams(pem))
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert state.unit_status == BlockedStatus(
        f"ams/0: the certificate {fingerprint(pem)} is revoked"
    )
