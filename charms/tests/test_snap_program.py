"""The calls of snapd by the charms, and its results."""

import datetime
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from charmlibs import snap
from ops import testing

from charms.aar.v0 import snap_program
from charms.aar.v0.snap_program import Output, ProgramError, SnapProgram
from management import ManagementService
from registry import Registry

Calls = list[tuple[str, tuple[Any, ...], dict[str, Any]]]


@dataclass
class Installed:
    """The part of a snap's description that the charms use."""

    hold: str | None = None


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    made: Calls = []

    def record(name: str) -> Callable[..., None]:
        return lambda *args, **options: made.append((name, args, options))

    for name in ("ensure_installed", "hold", "unhold", "alias", "stop", "restart"):
        monkeypatch.setattr(snap, name, record(name))
    monkeypatch.setattr(snap, "list_one", lambda _: Installed())
    monkeypatch.setattr(snap_program, "COMMANDS", tmp_path)
    return made


def test_snap_revision_is_installed_and_held(calls: Calls) -> None:
    assert SnapProgram("aar", "aar").install("42", "", None) == "42"
    assert calls == [("ensure_installed", ("aar",), {"revision": "42"}), ("hold", ("aar",), {})]


def test_held_snap_with_an_alias_is_not_changed_again(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snap, "list_one", lambda _: Installed(hold="2318-01-01T00:00:00Z"))
    # The target of an alias does not exist here.
    (tmp_path / "amc").symlink_to("ams.amc")
    ManagementService().install("42", "42", None)
    assert [name for name, *_ in calls] == ["ensure_installed"]


def test_snap_without_a_revision_is_refreshed_by_snapd(calls: Calls) -> None:
    assert SnapProgram("aar", "aar").install("", "", None) == ""
    assert calls == [("ensure_installed", ("aar",), {"update": False})]


def test_snap_whose_revision_option_is_reset_follows_its_channel(calls: Calls) -> None:
    assert SnapProgram("aar", "aar").install("", "42", None) == ""
    assert calls == [("unhold", ("aar",), {}), ("ensure_installed", ("aar",), {"update": True})]


def test_attached_snap_is_installed_once(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, file, program = tmp_path / "log", tmp_path / "aar.snap", tmp_path / "snap"
    program.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    program.chmod(0o755)
    file.write_text("squashed")
    monkeypatch.setattr(snap_program, "SNAP", str(program))
    aar = SnapProgram("aar", "aar")
    requested = aar.install("42", "", file)
    assert aar.install("42", requested, file) == requested
    assert log.read_text() == f"install --dangerous {file}\n"
    assert calls == []
    file.write_text("squashed anew")
    assert aar.install("42", requested, file) != requested
    assert len(log.read_text().splitlines()) == 2


@pytest.mark.parametrize("resource", ["snap", "ams-snap"])
@pytest.mark.parametrize(("content", "found"), [(None, False), ("", False), ("squashed", True)])
def test_attached_snap_takes_precedence_over_the_store(
    content: str | None,
    found: bool,
    resource: str,
    ams_charm: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "ams.snap"
    resources = set() if content is None else {testing.Resource(name=resource, path=file)}
    if content is not None:
        file.write_text(content)
    requested: list[Path | None] = []
    monkeypatch.setattr(ManagementService, "base", tmp_path)
    monkeypatch.setattr(SnapProgram, "restart_timeout", 0)
    monkeypatch.setattr(SnapProgram, "response_timeout", 0)
    monkeypatch.setattr(SnapProgram, "install", lambda *args: requested.append(args[-1]) or "")
    monkeypatch.setattr(SnapProgram, "restart", lambda _: None)
    monkeypatch.setattr(SnapProgram, "call", lambda *_, **__: Output("amc 0.1.0"))
    context = testing.Context(ams_charm)
    context.run(context.on.install(), testing.State(resources=resources))
    assert requested == [file if found else None]


def test_amc_has_an_alias(calls: Calls) -> None:
    ManagementService().install("", "", None)
    assert ("alias", ("ams", "amc", "amc"), {}) in calls


@pytest.mark.parametrize("step", ["ensure_installed", "stop", "restart"])
def test_snapd_error_is_reported(step: str, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise snap.TimeoutError("snapd does not respond")

    monkeypatch.setattr(snap, step, fail)
    program = SnapProgram("aar", "aar")
    steps = {
        "ensure_installed": lambda: program.install("", "", None),
        "stop": program.stop,
        "restart": program.restart,
    }
    with pytest.raises(ProgramError, match=r"the snap aar: .*snapd does not respond"):
        steps[step]()


def entry(message: str, seconds: int) -> snap.LogEntry:
    when = datetime.datetime(2026, 1, 1, 0, 0, seconds, tzinfo=datetime.UTC)
    return snap.LogEntry(when, "aar.daemon", 1, message)


def test_last_error_is_taken_from_the_log_since_the_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = [entry("error: no bucket", 1), entry("Started", 2), entry("error: port taken", 3)]
    monkeypatch.setattr(snap, "logs", lambda *_, **__: log)
    program = SnapProgram("aar", "aar")
    assert program.last_error() == "port taken"
    assert program.last_error(log[-1].timestamp) == "port taken"
    log.pop()
    assert program.last_error(log[-1].timestamp) == ""


def test_unreadable_log_has_no_last_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise snap.TimeoutError("snapd does not respond")

    monkeypatch.setattr(snap, "logs", fail)
    assert SnapProgram("aar", "aar").last_error() == ""


def test_failed_program_is_quoted_by_its_error_line() -> None:
    program = SnapProgram("aar", "/bin/sh")
    script = "echo found; echo 'warning: hm' >&2; echo 'error: it is full' >&2; exit 1"
    with pytest.raises(ProgramError, match=r"^it is full$") as failed:
        program.run("-c", script)
    assert failed.value.output == Output("found\n", "warning: hm\nerror: it is full\n")
    with pytest.raises(ProgramError, match="cannot run /missing"):
        SnapProgram("aar", "/missing").run("status")


@pytest.mark.parametrize(
    ("command", "is_limited"),
    [
        (lambda: Registry().verify_storage(), False),
        (lambda: Registry().collect_garbage(dry_run=False), False),
        (lambda: ManagementService().sync(confirm_removals=False), False),
        (lambda: ManagementService().registry_status(), True),
    ],
    ids=["verify", "gc", "sync", "status"],
)
def test_command_that_reads_every_image_has_no_time_limit(
    command: Callable[[], Any], is_limited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float | None] = []

    def run(command: list[str], *, timeout: float | None, **_: Any) -> Any:
        limits.append(timeout)
        return subprocess.CompletedProcess(command, 0, "config: {registry.mode: pull}", "")

    monkeypatch.setattr(subprocess, "run", run)
    command()
    assert (limits[-1] is not None) == is_limited
