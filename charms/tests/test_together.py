"""Both charms' real code drives the real programs until an application arrives.

Juju's part, carrying each unit's data to the other side and telling it so, is played by `Juju`. The
snaps' part, running the programs, is played by `Machine`. Nothing else is replaced.
"""

import dataclasses
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ops import testing
from ops.testing import ActiveStatus
from signer import Signer

from charms.aar.v0.aar_interface import fingerprint
from charms.aar.v0.snap_program import SnapProgram
from management import ManagementService
from registry import Registry

END = "-----END CERTIFICATE-----"
BUILT = Path(os.environ.get("AAR_PROGRAMS", Path(__file__).parent.parent.parent / "target/debug"))
PROGRAMS = {name: BUILT / name for name in ("aar", "ams", "amc")}
MISSING = [name for name, path in PROGRAMS.items() if not path.exists()]

pytestmark = pytest.mark.skipif(
    bool(MISSING) and "CI" not in os.environ,
    reason=f"not built: {', '.join(MISSING)}; `cargo xtask test` builds them",
)


class Machine:
    """One unit's machine: a base folder, a program that serves, and a charm."""

    def __init__(self, program: str, folder: Path, charm: Any, config: dict[str, Any]) -> None:
        self.program = program
        self.base = folder
        self.context = testing.Context(charm)
        self.state = testing.State(config=config, networks={_loopback(program)})
        self.process: subprocess.Popen[bytes] | None = None

    def restart(self) -> None:
        """Do what snapd does for the charm."""
        self.stop()
        log = (self.base / "log").open("ab")
        command = [PROGRAMS[self.program], "--base-dir", self.base, "serve"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
            self.process = None

    def run(self, event: Callable[[testing.Context, testing.State], Any]) -> None:
        """Have the charm handle an event on this machine."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AAR_BASE_DIR", str(self.base))
            patch.setenv("AMS_BASE_DIR", str(self.base))
            patch.setattr(Registry, "base", self.base)
            patch.setattr(ManagementService, "base", self.base)
            patch.setattr(SnapProgram, "install", lambda *_: "")
            patch.setattr(SnapProgram, "restart", lambda _: self.restart())
            run = SnapProgram.run

            def run_built(program: SnapProgram, *args: str, stdin: str = "") -> str:
                program.program = str(PROGRAMS["aar" if program.name == "aar" else "amc"])
                return run(program, *args, stdin=stdin)

            patch.setattr(SnapProgram, "run", run_built)
            self.state = self.context.run(event(self.context, self.state), self.state)

    def settle(self) -> None:
        """Let the charm look again until it has nothing more to wait for."""
        _until(lambda: self._updated() == ActiveStatus(), "the charm to become active")

    def _updated(self) -> Any:
        self.run(lambda context, _: context.on.update_status())
        return self.state.unit_status

    def amc(self, *args: str) -> str:
        command = [PROGRAMS["amc"], "--socket", self.base / "server/unix.socket", *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Juju:
    """Relations between machines: what one unit writes, the other is told."""

    def __init__(self, registry: Machine) -> None:
        self.registry = registry
        self.ids = iter(range(1, 100))

    def relate(self, ams: Machine, endpoint: str) -> int:
        number = next(self.ids)
        for machine, name, remote in (
            (self.registry, endpoint, f"ams{number}"),
            (ams, f"registry-{endpoint}", "aar"),
        ):
            relation = testing.Relation(
                name, id=number, remote_app_name=remote, remote_units_data={0: {}}
            )
            relations = [*machine.state.relations, relation]
            machine.state = dataclasses.replace(machine.state, relations=relations)
            machine.run(lambda context, state: context.on.relation_joined(_by_id(state, number)))
        self.carry(ams, number)
        return number

    def carry(self, ams: Machine, number: int) -> None:
        for _ in range(2):
            for source, target in ((self.registry, ams), (ams, self.registry)):
                data = dict(_by_id(source.state, number).local_unit_data)
                relation = dataclasses.replace(
                    _by_id(target.state, number), remote_units_data={0: data}
                )
                others = [r for r in target.state.relations if r.id != number]
                target.state = dataclasses.replace(target.state, relations=[*others, relation])
                target.run(
                    lambda context, state: context.on.relation_changed(_by_id(state, number))
                )

    def separate(self, ams: Machine, number: int) -> None:
        for machine in (ams, self.registry):
            machine.run(lambda context, state: context.on.relation_broken(_by_id(state, number)))
            others = [r for r in machine.state.relations if r.id != number]
            machine.state = dataclasses.replace(machine.state, relations=others)


@pytest.fixture
def machines(
    tmp_path: Path, aar_charm: Any, ams_charm: Any
) -> Iterator[tuple[Machine, Machine, Machine]]:
    def machine(program: str, name: str, charm: Any) -> Machine:
        folder = tmp_path / name
        folder.mkdir()
        config = {"port": _free_port()}
        if program == "ams":
            config["prometheus_target_port"] = _free_port()
        return Machine(program, folder, charm, config)

    three = (
        machine("aar", "r", aar_charm),
        machine("ams", "p", ams_charm),
        machine("ams", "c", ams_charm),
    )
    for each in three:
        each.run(lambda context, _: context.on.install())
        each.settle()
    yield three
    for each in three:
        each.stop()


def test_relating_is_all_it_takes(
    machines: tuple[Machine, Machine, Machine], tmp_path: Path
) -> None:
    registry, publisher, client = machines
    juju = Juju(registry)
    juju.relate(publisher, "publisher")
    number = juju.relate(client, "client")
    for machine in machines:
        machine.settle()

    publisher.amc("application", "create", str(_package(tmp_path)))
    _until(lambda: _offers(client), "the application to arrive at the client")

    # The relation goes, and with it the trust and the way to the registry.
    trusted = _trusted(registry)
    juju.separate(client, number)
    assert len(_trusted(registry)) == len(trusted) - 1 == 1
    config = yaml.safe_load(client.amc("config", "show"))["config"]
    assert config["registry.url"] == ""
    assert json.loads(client.amc("config", "trust", "list", "--format", "json")) == []


def test_what_the_charm_has_scraped_are_the_metrics_of_ams(
    machines: tuple[Machine, Machine, Machine],
) -> None:
    _, _, ams = machines
    relation = testing.Relation("cos-agent", id=98, remote_app_name="agent")
    ams.state = dataclasses.replace(ams.state, relations=[relation])
    ams.run(lambda context, _: context.on.relation_joined(relation, remote_unit=0))
    offered = json.loads(_by_id(ams.state, 98).local_unit_data["config"])
    [job] = offered["metrics_scrape_jobs"]
    [target] = job["static_configs"][0]["targets"]
    with urllib.request.urlopen(f"http://{target}{job['metrics_path']}") as answer:
        served = answer.read().decode()
    alerts = offered["metrics_alert_rules"]["groups"]
    own = [rule for group in alerts for rule in group["rules"] if rule["alert"].startswith("Ams")]
    metrics = {name for rule in own for name in re.findall(r"ams_\w+", rule["expr"])}
    # The last round's are only there once one has ended.
    metrics = {name for name in metrics if "last_round" not in name}
    assert metrics
    assert {name for name in metrics if f"\n{name} " not in served} == set()


def test_a_renewed_certificate_of_the_registry_reaches_its_clients(
    machines: tuple[Machine, Machine, Machine], tmp_path: Path
) -> None:
    registry, publisher, client = machines
    juju = Juju(registry)
    numbers = [juju.relate(publisher, "publisher"), juju.relate(client, "client")]
    before = client.amc("config", "show")

    shutil.rmtree(registry.base / "certs")
    registry.restart()
    registry.settle()
    for machine, number in zip((publisher, client), numbers, strict=True):
        juju.carry(machine, number)

    assert client.amc("config", "show") != before
    publisher.amc("application", "create", str(_package(tmp_path)))
    _until(lambda: _offers(client), "the application to arrive at the client")


def test_a_certificate_of_an_authority_reaches_the_clients(
    machines: tuple[Machine, Machine, Machine], tmp_path: Path
) -> None:
    registry, publisher, client = machines
    juju, signer = Juju(registry), Signer()
    numbers = [juju.relate(publisher, "publisher"), juju.relate(client, "client")]
    relation = signer.relation(99)
    registry.state = dataclasses.replace(
        registry.state, relations=[*registry.state.relations, relation]
    )
    registry.run(lambda context, _: context.on.config_changed())
    answered = signer.answer(_by_id(registry.state, 99))
    others = [r for r in registry.state.relations if r.id != 99]
    registry.state = dataclasses.replace(registry.state, relations=[*others, answered])
    registry.run(lambda context, _: context.on.relation_changed(answered))
    registry.settle()
    for machine, number in zip((publisher, client), numbers, strict=True):
        juju.carry(machine, number)

    # The programs take what the authority issued, key and chain, and pin it.
    shown = (registry.base / "certs/server.crt").read_text()
    assert signer.certificate.raw.strip() in shown
    config = yaml.safe_load(client.amc("config", "show"))["config"]
    assert config["registry.fingerprint"] == fingerprint(shown[: shown.index(END) + len(END)])
    publisher.amc("application", "create", str(_package(tmp_path)))
    _until(lambda: _offers(client), "the application to arrive at the client")


def _loopback(program: str) -> testing.Network:
    address = testing.BindAddress([testing.Address("127.0.0.1")])
    return testing.Network(
        "client" if program == "aar" else "registry-client", bind_addresses=[address]
    )


def _by_id(state: testing.State, number: int) -> testing.Relation:
    relation = state.get_relation(number)
    assert isinstance(relation, testing.Relation)
    return relation


def _package(folder: Path) -> Path:
    package = folder / "hello"
    package.mkdir()
    manifest = {"name": "hello", "instance-type": "a2.3", "boot-package": "com.example.hello"}
    (package / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    return package


def _offers(client: Machine) -> bool:
    listed = json.loads(client.amc("application", "list", "--format", "json"))
    return [(entry["name"], entry["status"]) for entry in listed] == [("hello", "ready")]


def _trusted(registry: Machine) -> list[dict[str, str]]:
    command = [PROGRAMS["aar"], "--base-dir", registry.base, "trust", "list", "--format", "json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _until(condition: Callable[[], bool], what: str, limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"waited {limit} seconds for {what}"
        time.sleep(0.05)
