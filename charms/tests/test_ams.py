"""Every event and every status of the charm `ams`; its program is replaced by a small model."""

import dataclasses
import json
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ops import testing
from ops.testing import ActiveStatus, BlockedStatus, WaitingStatus

from charms.aar.v0.aar_interface import RegistryData, fingerprint
from charms.aar.v0.snap_program import Output, ProgramError, SnapProgram
from management import ManagementService

Certificates = Callable[[], str]


class Model:
    """The behaviour of AMS that the charm depends on."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.trusted: set[str] = set()
        self.config = {"registry.mode": "pull", "registry.url": "", "registry.fingerprint": ""}
        self.calls: list[tuple[str, ...]] = []
        self.restarts = 0
        # The error that keeps it from starting with its settings; empty if it starts.
        self.start_error: Callable[[str], str] = lambda _settings: ""
        self.is_up = True

    @property
    def settings(self) -> str:
        return (self.base / "server/settings.yaml").read_text()

    def restart(self) -> None:
        self.restarts += 1
        self.is_up = not self.start_error(self.settings)

    def call(self, *args: str, stdin: str = "", **_: Any) -> Output:
        self.calls.append(args)
        if args[0] not in {"--version", "--base-dir"} and not self.is_up:
            raise ProgramError("cannot reach AMS: no such file or directory")
        response = self.respond(*args, stdin=stdin)
        return response if isinstance(response, Output) else Output(response)

    def respond(self, *args: str, stdin: str = "") -> str | Output:
        match args:
            case ("--version",):
                return "amc 0.1.0\n"
            case ("--base-dir", base, "check-config"):
                file = Path(base) / "server/settings.yaml"
                if "loud" in file.read_text():
                    raise ProgramError(f"{file}:3: logger.level: unknown variant `loud`")
                return ""
            case ("info",):
                return ""
            case ("config", "show"):
                return yaml.safe_dump({"config": self.config})
            case ("config", "set", name, value):
                self.config[name] = value
                return ""
            case ("config", "trust", "list", "--format", "json"):
                return json.dumps([{"fingerprint": digest} for digest in sorted(self.trusted)])
            case ("config", "trust", "add", "-"):
                if fingerprint(stdin) in self.trusted:
                    raise ProgramError("certificate already exists")
                self.trusted.add(fingerprint(stdin))
                return ""
            case ("config", "trust", "remove", digest):
                self.trusted.remove(digest)
                return ""
            case ("registry", "status", *_):
                return "{}\n"
            case ("registry", *_):
                return Output(notes="1 imported\n")
        raise AssertionError(args)

    @property
    def registry(self) -> tuple[str, str, str]:
        keys = ("registry.mode", "registry.url", "registry.fingerprint")
        mode, url, digest = (self.config[key] for key in keys)
        return mode, url, digest


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    model = Model(tmp_path)
    monkeypatch.setattr(ManagementService, "base", tmp_path)
    monkeypatch.setattr(SnapProgram, "restart_timeout", 0)
    monkeypatch.setattr(SnapProgram, "response_timeout", 0)
    monkeypatch.setattr(SnapProgram, "install", lambda *_: "")
    monkeypatch.setattr(SnapProgram, "restart", lambda _: model.restart())
    monkeypatch.setattr(SnapProgram, "last_error", lambda *_: model.start_error(model.settings))
    monkeypatch.setattr(SnapProgram, "call", lambda _, *a, **k: model.call(*a, **k))
    return model


@pytest.fixture
def certificate(program: Model, new_certificate: Certificates) -> str:
    """The certificate that AMS has created for the registry."""
    (program.base / "registry").mkdir()
    pem = new_certificate()
    (program.base / "registry/client.crt").write_text(pem)
    return pem


@pytest.fixture
def context(ams_charm: Any, program: Model) -> testing.Context:
    return testing.Context(ams_charm)


def related(endpoint: str, pem: str = "", address: str = "10.0.0.5") -> testing.Relation:
    bag: dict[str, str] = {}
    if pem:
        RegistryData(pem, address, 3000).write(bag)
    return testing.Relation(endpoint, remote_app_name="aar", remote_units_data={0: bag})


@pytest.mark.parametrize(
    "event", ["install", "upgrade_charm", "start", "config_changed", "update_status"]
)
def test_lifecycle_events_end_with_active_status(
    event: str, context: testing.Context, program: Model
) -> None:
    state = context.run(getattr(context.on, event)(), testing.State())
    assert state.unit_status == ActiveStatus()
    assert state.workload_version == "0.1.0"
    settings = yaml.safe_load((program.base / "server/settings.yaml").read_text())
    assert settings["listen-address"].endswith(":8444")
    assert program.restarts == 1


@pytest.mark.parametrize(
    ("endpoint", "mode", "registry_mode"),
    [("registry-client", "client", "pull"), ("registry-publisher", "publisher", "push")],
)
def test_relation_configures_ams_and_publishes_its_certificate(
    endpoint: str,
    mode: str,
    registry_mode: str,
    context: testing.Context,
    program: Model,
    certificate: str,
    new_certificate: Certificates,
) -> None:
    server = new_certificate()
    relation = related(endpoint, server)
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert state.unit_status == ActiveStatus()
    assert state.get_relation(relation.id).local_unit_data == {
        "certificate": certificate,
        "mode": mode,
        **{
            key: value
            for key, value in state.get_relation(relation.id).local_unit_data.items()
            if key in {"egress-subnets", "ingress-address", "private-address"}
        },
    }
    assert program.registry == (registry_mode, "https://10.0.0.5:3000", fingerprint(server))
    assert program.trusted == {fingerprint(server)}


def test_publisher_gets_its_mode_before_its_url(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    relation = related("registry-publisher", new_certificate())
    context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    items = [call[2] for call in program.calls if call[:2] == ("config", "set")]
    assert items.index("registry.mode") < items.index("registry.url")


def test_unchanged_items_are_not_set_again(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    relation = related("registry-client", new_certificate())
    state = testing.State(relations=[relation])
    state = context.run(context.on.relation_changed(relation), state)
    program.calls.clear()
    context.run(context.on.update_status(), state)
    assert not [call for call in program.calls if "set" in call or "add" in call]


def test_renewed_registry_certificate_replaces_the_old_one(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    relation = related("registry-client", new_certificate())
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    renewed = new_certificate()
    bag: dict[str, str] = {}
    RegistryData(renewed, "10.0.0.5", 3000).write(bag)
    relation = dataclasses.replace(state.get_relation(relation.id), remote_units_data={0: bag})
    state = dataclasses.replace(state, relations=[relation])
    context.run(context.on.relation_changed(relation), state)
    assert program.trusted == {fingerprint(renewed)}
    assert program.config["registry.fingerprint"] == fingerprint(renewed)


def test_departing_registry_unit_is_replaced_by_the_remaining_one(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    units: dict[int, dict[str, str]] = {0: {}, 1: {}}
    pems = [new_certificate(), new_certificate()]
    for number, pem in enumerate(pems):
        RegistryData(pem, f"10.0.0.{number}", 3000).write(units[number])
    relation = testing.Relation(
        "registry-client", remote_app_name="aar", remote_units_data={0: units[0], 1: units[1]}
    )
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert program.trusted == {fingerprint(pems[0])}
    relation = state.get_relation(relation.id)
    departed = context.on.relation_departed(relation, remote_unit=0, departing_unit=0)
    context.run(departed, state)
    assert program.trusted == {fingerprint(pems[1])}
    assert program.config["registry.url"] == "https://10.0.0.1:3000"


def test_removed_relation_ends_its_trust(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    by_hand = fingerprint(new_certificate())
    program.trusted.add(by_hand)
    relation = related("registry-client", new_certificate())
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    state = context.run(context.on.relation_broken(state.get_relation(relation.id)), state)
    assert state.unit_status == ActiveStatus()
    assert program.trusted == {by_hand}
    assert program.registry == ("pull", "", "")


@pytest.mark.parametrize(
    "option",
    [{"public_interface": "eth9"}, {"port": 0}, {"log_level": "loud"}, {"snap_revision": "7"}],
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

    relation = related("registry-client", new_certificate())
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    if "snap_revision" in option:
        monkeypatch.setattr(SnapProgram, "install", fail)
    state = dataclasses.replace(state, config=option)
    state = context.run(context.on.relation_broken(state.get_relation(relation.id)), state)
    assert isinstance(state.unit_status, BlockedStatus)
    assert program.trusted == set()
    assert program.registry == ("pull", "", "")


def test_last_departing_registry_unit_ends_its_trust(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    relation = related("registry-client", new_certificate())
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    relation = state.get_relation(relation.id)
    departed = context.on.relation_departed(relation, remote_unit=0, departing_unit=0)
    state = context.run(departed, state)
    assert state.unit_status == WaitingStatus("waiting for the registry")
    assert program.trusted == set()
    assert program.registry == ("pull", "", "")


@pytest.mark.parametrize("others", [1, 2])
def test_removed_relation_ends_only_its_own_trust(
    others: int,
    context: testing.Context,
    program: Model,
    certificate: str,
    new_certificate: Certificates,
) -> None:
    first = related("registry-client", new_certificate())
    state = context.run(context.on.relation_changed(first), testing.State(relations=[first]))
    more = [related("registry-publisher", new_certificate(), "10.0.0.6") for _ in range(others)]
    state = dataclasses.replace(state, relations=[*state.relations, *more])
    state = context.run(context.on.relation_changed(more[0]), state)
    assert "a client or a publisher" in state.unit_status.message
    state = context.run(context.on.relation_broken(state.get_relation(first.id)), state)
    if others == 1:
        published = RegistryData.read(more[0].remote_units_data[0])
        assert published is not None
        assert program.trusted == {published.fingerprint}
        assert program.registry == ("push", published.url, published.fingerprint)
    else:
        assert program.trusted == set()
        assert program.config["registry.url"] == ""


def test_certificate_added_by_hand_stays_trusted_after_its_relation_is_removed(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    pem = new_certificate()
    program.trusted.add(fingerprint(pem))
    relation = related("registry-client", pem)
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    context.run(context.on.relation_broken(state.get_relation(relation.id)), state)
    assert program.trusted == {fingerprint(pem)}
    assert program.registry == ("pull", "", "")


@pytest.mark.parametrize("is_removed", [False, True])
def test_state_of_an_older_charm_is_used(
    is_removed: bool,
    context: testing.Context,
    program: Model,
    certificate: str,
    new_certificate: Certificates,
) -> None:
    pem = new_certificate()
    program.trusted.add(fingerprint(pem))
    program.config |= {
        "registry.url": "https://10.0.0.5:3000",
        "registry.fingerprint": fingerprint(pem),
    }
    stored = testing.StoredState(
        owner_path="AmsCharm", content={"fingerprint": fingerprint(pem), "asked": ""}
    )
    relation = related("registry-client", pem)
    state = testing.State(relations=[relation], stored_states={stored})
    if not is_removed:
        state = context.run(context.on.upgrade_charm(), state)
        assert not [call for call in program.calls if "set" in call or "add" in call]
    context.run(context.on.relation_broken(state.get_relation(relation.id)), state)
    assert program.trusted == set()
    assert program.registry == ("pull", "", "")


def test_first_valid_registry_unit_is_used(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    bags: dict[int, dict[str, str]] = {1: {"certificate": "x", "ip": "h", "port": "1"}}
    for number in (2, 10):
        bags[number] = {}
        RegistryData(new_certificate(), f"10.0.0.{number}", 3000).write(bags[number])
    relation = testing.Relation("registry-client", remote_app_name="aar", remote_units_data=bags)
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert state.unit_status == BlockedStatus("aar/1: the certificate is not PEM")
    assert program.config["registry.url"] == "https://10.0.0.2:3000"


def test_renewed_ams_certificate_is_published(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    relation = related("registry-client", new_certificate())
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    renewed = new_certificate()
    (program.base / "registry/client.crt").write_text(renewed)
    state = context.run(context.on.update_status(), state)
    assert state.get_relation(relation.id).local_unit_data["certificate"] == renewed


def test_damaged_ams_certificate_blocks_and_is_not_published(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    (program.base / "registry/client.crt").write_text("")
    relation = related("registry-client", new_certificate())
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert isinstance(state.unit_status, BlockedStatus)
    assert state.unit_status.message.endswith("client.crt: the certificate is not PEM")
    assert "certificate" not in state.get_relation(relation.id).local_unit_data


@pytest.mark.parametrize("option", ["port", "prometheus_target_port"])
@pytest.mark.parametrize("port", [0, -1, 70000])
def test_invalid_port_blocks(
    option: str, port: int, context: testing.Context, program: Model
) -> None:
    state = context.run(context.on.config_changed(), testing.State(config={option: port}))
    assert state.unit_status == BlockedStatus(f"{option}: {port} is not a port from 1 to 65535")


def test_rejected_settings_block_and_name_the_option(
    context: testing.Context, program: Model
) -> None:
    state = context.run(context.on.install(), testing.State())
    before = program.settings
    state = dataclasses.replace(state, config={"log_level": "loud"})
    state = context.run(context.on.config_changed(), state)
    assert state.unit_status == BlockedStatus("log_level: unknown variant `loud`")
    assert (program.settings, program.restarts) == (before, 1)
    assert not (program.base / "candidate").exists()


def test_former_settings_are_restored_when_ams_does_not_start(
    context: testing.Context, program: Model
) -> None:
    state = context.run(context.on.install(), testing.State())
    before = program.settings
    program.start_error = lambda settings: "the port is taken" if ":9000" in settings else ""
    state = dataclasses.replace(state, config={"port": 9000})
    state = context.run(context.on.config_changed(), state)
    assert state.unit_status == BlockedStatus("the port is taken; the former files were restored")
    assert program.settings == before
    assert program.is_up


def test_login_user_may_call_amc(
    context: testing.Context, program: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    context.run(context.on.install(), testing.State())
    assert "allowed-uids" not in yaml.safe_load(program.settings)
    root = pwd.getpwnam("root")
    entry = pwd.struct_passwd(("ubuntu", "x", 1000, *tuple(root)[3:]))
    monkeypatch.setattr(pwd, "getpwnam", {"ubuntu": entry}.__getitem__)
    context.run(context.on.config_changed(), testing.State())
    assert yaml.safe_load(program.settings)["allowed-uids"] == [1000]


def test_registry_set_by_hand_is_kept(context: testing.Context, program: Model) -> None:
    program.config["registry.url"] = "https://elsewhere:3000"
    context.run(context.on.update_status(), testing.State())
    assert program.config["registry.url"] == "https://elsewhere:3000"


def test_lost_ams_certificate_blocks_and_missing_registry_data_waits(
    context: testing.Context, program: Model, new_certificate: Certificates
) -> None:
    relation = related("registry-client")
    state = testing.State(relations=[relation])
    state = context.run(context.on.relation_joined(relation), state)
    assert isinstance(state.unit_status, BlockedStatus)
    assert "registry/client.crt of AMS is missing" in state.unit_status.message
    (program.base / "registry").mkdir()
    (program.base / "registry/client.crt").write_text(new_certificate())
    state = context.run(context.on.update_status(), state)
    assert state.unit_status == WaitingStatus("waiting for the registry")


def test_two_registry_relations_block(
    context: testing.Context, certificate: str, new_certificate: Certificates
) -> None:
    relations = [
        related("registry-client", new_certificate()),
        related("registry-publisher", new_certificate()),
    ]
    state = testing.State(relations=relations)
    state = context.run(context.on.relation_changed(relations[0]), state)
    assert isinstance(state.unit_status, BlockedStatus)
    assert "a client or a publisher of one registry" in state.unit_status.message


def test_mismatching_registry_fingerprint_blocks(
    context: testing.Context, program: Model, certificate: str, new_certificate: Certificates
) -> None:
    relation = related("registry-client", new_certificate())
    bag = dict(relation.remote_units_data[0]) | {"fingerprint": "0" * 64}
    relation = dataclasses.replace(relation, remote_units_data={0: bag})
    state = testing.State(relations=[relation])
    state = context.run(context.on.relation_changed(relation), state)
    assert isinstance(state.unit_status, BlockedStatus)
    assert program.trusted == set()


def test_unknown_public_interface_blocks(context: testing.Context) -> None:
    state = testing.State(config={"public_interface": "eth9"})
    state = context.run(context.on.config_changed(), state)
    assert state.unit_status == BlockedStatus(
        "public_interface: the interface eth9 does not exist or has no address"
    )


@pytest.mark.parametrize(("mode", "direction"), [("pull", "pull"), ("push", "push")])
def test_sync_action_pushes_or_pulls_according_to_the_mode(
    mode: str, direction: str, context: testing.Context, program: Model
) -> None:
    program.config["registry.mode"] = mode
    context.run(context.on.action("registry-sync"), testing.State())
    assert program.calls[-1] == ("registry", direction)
    assert context.action_results is not None
    assert context.action_results["result"] == "1 imported\n"


def test_actions_run_their_commands(context: testing.Context, program: Model) -> None:
    confirm = context.on.action("registry-sync", params={"confirm-removals": True})
    context.run(confirm, testing.State())
    assert program.calls[-1] == ("registry", "pull", "--confirm-removals")
    program.config["registry.mode"] = "push"
    with pytest.raises(testing.ActionFailed, match="no removals to confirm"):
        context.run(confirm, testing.State())
    context.run(context.on.action("registry-status"), testing.State())
    assert context.action_results == {"result": "{}\n"}


def test_certificate_of_an_action_is_trusted_once(
    context: testing.Context, program: Model, new_certificate: Certificates
) -> None:
    pem = new_certificate()
    add = context.on.action("add-certificate", params={"cert": pem})
    context.run(add, testing.State())
    assert program.trusted == {fingerprint(pem)}
    with pytest.raises(testing.ActionFailed, match="already exists"):
        context.run(add, testing.State())


def test_unavailable_snap_blocks(context: testing.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise ProgramError("cannot install the snap ams: the store does not respond")

    monkeypatch.setattr(SnapProgram, "install", fail)
    state = context.run(context.on.install(), testing.State())
    assert state.unit_status == BlockedStatus(
        "cannot install the snap ams: the store does not respond"
    )


def test_unresponsive_ams_blocks_until_it_responds(
    context: testing.Context,
    program: Model,
    certificate: str,
    new_certificate: Certificates,
) -> None:
    relation = related("registry-client", new_certificate())
    program.is_up = False
    program.start_error = lambda _: "the disk is full"
    state = testing.State(relations=[relation])
    state = context.run(context.on.relation_changed(relation), state)
    assert state.unit_status == BlockedStatus("the disk is full")
    program.start_error = lambda _: ""
    state = context.run(context.on.update_status(), state)
    assert state.unit_status == ActiveStatus()
