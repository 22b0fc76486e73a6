"""Machines with the real programs on them, and the part of Juju that connects them.

Juju's part, carrying each unit's data to the other side and telling it so, is played by `Juju`. The
snaps' part, running the programs, is played by `Machine`. Nothing else is replaced.
"""

import dataclasses
import datetime
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ops import testing
from ops.testing import ActiveStatus

from charms.aar.v0 import snap_program
from charms.aar.v0.snap_program import Output, SnapProgram
from management import ManagementService
from registry import Registry

BUILT = Path(os.environ.get("AAR_PROGRAMS", Path(__file__).parent.parent.parent / "target/debug"))
PROGRAMS = {name: BUILT / name for name in ("aar", "ams", "amc")}
MISSING = [name for name, path in PROGRAMS.items() if not path.exists()]

needs_programs = pytest.mark.skipif(
    bool(MISSING) and "CI" not in os.environ,
    reason=f"not built: {', '.join(MISSING)}; `cargo xtask test` builds them",
)


class Machine:
    """One unit's machine: a base folder, a program that serves, and a charm."""

    def __init__(self, program: str, folder: Path, charm: Any, config: dict[str, Any]) -> None:
        self.program = program
        self.base = folder
        self.context = testing.Context(charm)
        self.state = testing.State(config=config, networks=set(_loopback(program)))
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0

    def restart(self) -> None:
        """Do what snapd does for the charm, but for starting again what has ended."""
        self.stop()
        self.restarts += 1
        command = [PROGRAMS[self.program], "--base-dir", self.base, "serve"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def log(self) -> Path:
        return self.base / "log"

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

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
            patch.setattr(ManagementService, "server", str(PROGRAMS["ams"]))
            patch.setattr(SnapProgram, "install", lambda *_: "")
            patch.setattr(SnapProgram, "stop", lambda _: self.stop())
            patch.setattr(SnapProgram, "restart", lambda _: self.restart())
            patch.setattr(SnapProgram, "patience", 60)
            patch.setattr(SnapProgram, "promptness", 0)
            patch.setattr(snap_program, "time", Clock(self))
            patch.setattr(snap_program.snap, "logs", lambda *_, **__: self._entries())
            call = SnapProgram.call

            def call_built(of: SnapProgram, *args: str, **options: Any) -> Output:
                of.program = str(PROGRAMS["aar" if of.name == "aar" else "amc"])
                return call(of, *args, **options)

            patch.setattr(SnapProgram, "call", call_built)
            self.state = self.context.run(event(self.context, self.state), self.state)

    def _entries(self) -> list[snap_program.snap.LogEntry]:
        now = datetime.datetime.now(datetime.UTC)
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [snap_program.snap.LogEntry(now, self.program, 1, line) for line in lines]

    def configure(self, **options: Any) -> Any:
        """Have the charm handle other options; returns the status that the unit gets."""
        self.state = dataclasses.replace(self.state, config={**self.state.config, **options})
        self.run(lambda context, _: context.on.config_changed())
        return self.state.unit_status

    def look(self) -> Any:
        """Have the charm look again; returns the status that the unit gets."""
        self.run(lambda context, _: context.on.update_status())
        return self.state.unit_status

    def act(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Have the charm do an action; returns its results."""
        self.run(lambda context, _: context.on.action(name, params=parameters))
        return self.context.action_results or {}

    def settle(self) -> None:
        """Let the charm look again until it has nothing more to wait for."""
        until(lambda: self.look() == ActiveStatus(), "the charm to become active")

    def amc(self, *args: str) -> str:
        command = [PROGRAMS["amc"], "--socket", self.base / "server/unix.socket", *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def config(self) -> dict[str, Any]:
        return yaml.safe_load(self.amc("config", "show"))["config"]

    def offers(self) -> bool:
        """Whether the application of the tests is usable on this AMS."""
        listed = json.loads(self.amc("application", "list", "--format", "json"))
        return [(entry["name"], entry["status"]) for entry in listed] == [("hello", "ready")]

    def trusted(self) -> list[dict[str, str]]:
        """Whom this registry trusts."""
        command = [PROGRAMS["aar"], "--base-dir", self.base, "trust", "list", "--format", "json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)


class Clock:
    """The time, which passes at once while a program is waited for that has ended."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def sleep(self, seconds: float) -> None:
        if self._machine.runs:
            time.sleep(seconds)
        else:
            self._skipped += 3600


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
            machine.run(lambda context, state: context.on.relation_joined(by_id(state, number)))
        self.carry(ams, number)
        return number

    def carry(self, ams: Machine, number: int) -> None:
        for _ in range(2):
            for source, target in ((self.registry, ams), (ams, self.registry)):
                data = dict(by_id(source.state, number).local_unit_data)
                relation = dataclasses.replace(
                    by_id(target.state, number), remote_units_data={0: data}
                )
                others = [r for r in target.state.relations if r.id != number]
                target.state = dataclasses.replace(target.state, relations=[*others, relation])
                target.run(lambda context, state: context.on.relation_changed(by_id(state, number)))

    def separate(self, ams: Machine, number: int) -> None:
        for machine in (ams, self.registry):
            machine.run(lambda context, state: context.on.relation_broken(by_id(state, number)))
            others = [r for r in machine.state.relations if r.id != number]
            machine.state = dataclasses.replace(machine.state, relations=others)


@pytest.fixture
def machines(
    tmp_path: Path, aar_charm: Any, ams_charm: Any
) -> Iterator[tuple[Machine, Machine, Machine]]:
    """A registry, an AMS to publish and an AMS to receive."""

    def machine(program: str, name: str, charm: Any) -> Machine:
        folder = tmp_path / name
        folder.mkdir()
        config = {"port": free_port()}
        if program == "ams":
            config["prometheus_target_port"] = free_port()
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


def _loopback(program: str) -> list[testing.Network]:
    address = testing.BindAddress([testing.Address("127.0.0.1")])
    endpoints = ["client", "publisher"] if program == "aar" else ["registry-client"]
    return [
        testing.Network(endpoint, bind_addresses=[address], ingress_addresses=["127.0.0.1"])
        for endpoint in endpoints
    ]


def by_id(state: testing.State, number: int) -> testing.Relation:
    relation = state.get_relation(number)
    assert isinstance(relation, testing.Relation)
    return relation


def new_package(folder: Path) -> Path:
    """A package of the application of the tests."""
    package = folder / "hello"
    package.mkdir()
    manifest = {"name": "hello", "instance-type": "a2.3", "boot-package": "com.example.hello"}
    (package / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    return package


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition: Callable[[], bool], what: str, limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"waited {limit} seconds for {what}"
        time.sleep(0.05)
