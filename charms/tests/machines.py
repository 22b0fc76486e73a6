"""Machines with the real programs, and a stand-in for Juju that connects them.

`Juju` copies the relation data of each unit to the other side and sends the events. `Machine` runs
the programs instead of their snaps. Everything else is real.
"""

import contextlib
import dataclasses
import datetime
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import ports
import pytest
import yaml
from ops import StatusBase, testing
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
    """The machine of one unit: a base folder, a running program and a charm."""

    def __init__(self, program: str, folder: Path, charm: Any, config: dict[str, Any]) -> None:
        self.program = program
        self.base = folder
        self.context = testing.Context(charm)
        self.state = testing.State(config=config, networks=set(_loopback(program)))
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0

    def __enter__(self) -> Self:
        """Return the machine; its program ends with the block, also after a failure."""
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Restart the program, as snapd does; one that exits is not restarted."""
        self.stop()
        self.restarts += 1
        # The kernel kills the program when this process ends, however it ends.
        command = ["setpriv", "--pdeathsig", "KILL", PROGRAMS[self.program]]
        command += ["--base-dir", self.base, "serve"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def log(self) -> Path:
        return self.base / "log"

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=30)
            self.process = None

    def run(self, event: Callable[[testing.Context, testing.State], Any]) -> None:
        """Run the charm with an event on this machine."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AAR_BASE_DIR", str(self.base))
            patch.setenv("AMS_BASE_DIR", str(self.base))
            patch.setattr(Registry, "base", self.base)
            patch.setattr(ManagementService, "base", self.base)
            patch.setattr(ManagementService, "server", str(PROGRAMS["ams"]))
            patch.setattr(SnapProgram, "install", lambda *_: "")
            patch.setattr(SnapProgram, "stop", lambda _: self.stop())
            patch.setattr(SnapProgram, "restart", lambda _: self.restart())
            patch.setattr(SnapProgram, "restart_timeout", 60)
            patch.setattr(SnapProgram, "response_timeout", 0)
            patch.setattr(snap_program, "time", Clock(self))
            patch.setattr(snap_program.snap, "logs", lambda *_, **__: self._log_entries())
            call = SnapProgram.call

            def call_built(snap_app: SnapProgram, *args: str, **options: Any) -> Output:
                snap_app.program = str(PROGRAMS["aar" if snap_app.name == "aar" else "amc"])
                return call(snap_app, *args, **options)

            patch.setattr(SnapProgram, "call", call_built)
            self.state = self.context.run(event(self.context, self.state), self.state)

    def _log_entries(self) -> list[snap_program.snap.LogEntry]:
        now = datetime.datetime.now(datetime.UTC)
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [snap_program.snap.LogEntry(now, self.program, 1, line) for line in lines]

    def configure(self, **options: Any) -> Any:
        """Change options of the charm; returns the status of the unit."""
        self.state = dataclasses.replace(self.state, config={**self.state.config, **options})
        self.run(lambda context, _: context.on.config_changed())
        return self.state.unit_status

    def update_status(self) -> Any:
        """Run the charm without a change; returns the status of the unit."""
        self.run(lambda context, _: context.on.update_status())
        return self.state.unit_status

    def run_action(self, name: str, **parameters: Any) -> dict[str, Any]:
        """Run an action of the charm; returns its results."""
        self.run(lambda context, _: context.on.action(name, params=parameters))
        return self.context.action_results or {}

    def wait_until_active(self) -> None:
        """Run the charm until its unit is active."""
        self.wait_until_status(ActiveStatus())

    def wait_until_status(self, status: StatusBase) -> None:
        """Run the charm until its unit has the status.

        A program checks its health no more than once a second.
        """
        until(lambda: self.update_status() == status, f"the charm to become {status}")

    def amc(self, *args: str) -> str:
        command = [PROGRAMS["amc"], "--socket", self.base / "server/unix.socket", *args]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def config(self) -> dict[str, Any]:
        return yaml.safe_load(self.amc("config", "show"))["config"]

    def has_application(self) -> bool:
        """Whether this AMS has imported the application of `new_package`."""
        listed = json.loads(self.amc("application", "list", "--format", "json"))
        return [(entry["name"], entry["status"]) for entry in listed] == [("hello", "ready")]

    def trusted(self) -> list[dict[str, str]]:
        """Return the certificates that this registry trusts."""
        command = [PROGRAMS["aar"], "--base-dir", self.base, "trust", "list", "--format", "json"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)


class Clock:
    """A clock that skips ahead while the charm waits for a program that has exited."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._skipped = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._skipped

    def sleep(self, seconds: float) -> None:
        if self._machine.is_running:
            time.sleep(seconds)
        else:
            self._skipped += 3600


class Juju:
    """Relations between machines: the data that one unit writes reaches the other."""

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
        self.exchange_data(ams, number)
        return number

    def exchange_data(self, ams: Machine, number: int) -> None:
        for _ in range(2):
            for source, target in ((self.registry, ams), (ams, self.registry)):
                data = dict(by_id(source.state, number).local_unit_data)
                relation = dataclasses.replace(
                    by_id(target.state, number), remote_units_data={0: data}
                )
                others = [r for r in target.state.relations if r.id != number]
                target.state = dataclasses.replace(target.state, relations=[*others, relation])
                target.run(lambda context, state: context.on.relation_changed(by_id(state, number)))

    def remove_relation(self, ams: Machine, number: int) -> None:
        for machine in (ams, self.registry):
            machine.run(lambda context, state: context.on.relation_broken(by_id(state, number)))
            others = [r for r in machine.state.relations if r.id != number]
            machine.state = dataclasses.replace(machine.state, relations=others)


@pytest.fixture
def machines(
    tmp_path: Path, aar_charm: Any, ams_charm: Any
) -> Iterator[tuple[Machine, Machine, Machine]]:
    """A registry, a publisher and a client."""
    with contextlib.ExitStack() as stack:

        def machine(program: str, name: str, charm: Any) -> Machine:
            folder = tmp_path / name
            folder.mkdir()
            config = {"port": ports.reserve_port()}
            if program == "ams":
                config["prometheus_target_port"] = ports.reserve_port()
            return stack.enter_context(Machine(program, folder, charm, config))

        three = (
            machine("aar", "r", aar_charm),
            machine("ams", "p", ams_charm),
            machine("ams", "c", ams_charm),
        )
        for each in three:
            each.run(lambda context, _: context.on.install())
            each.wait_until_active()
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
    """Write a package of an application `hello`."""
    package = folder / "hello"
    package.mkdir()
    manifest = {"name": "hello", "instance-type": "a2.3", "boot-package": "com.example.hello"}
    (package / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    return package


def until(condition: Callable[[], bool], what: str, limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"waited {limit} seconds for {what}"
        time.sleep(0.05)
