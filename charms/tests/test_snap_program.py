"""What the charms ask of snapd, and what they make of its answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from charmlibs import snap
from ops import testing

from charms.aar.v0 import snap_program
from charms.aar.v0.snap_program import ProgramError, SnapProgram
from management import ManagementService

Calls = list[tuple[str, tuple[Any, ...], dict[str, Any]]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    made: Calls = []

    def record(name: str) -> Callable[..., None]:
        return lambda *args, **options: made.append((name, args, options))

    for name in ("ensure_installed", "hold", "unhold", "alias", "restart"):
        monkeypatch.setattr(snap, name, record(name))
    return made


def test_a_revision_is_installed_and_held(calls: Calls) -> None:
    assert SnapProgram("aar", "aar").install("42", "", None) == "42"
    assert calls == [("ensure_installed", ("aar",), {"revision": "42"}), ("hold", ("aar",), {})]


def test_without_a_revision_refreshing_is_left_to_snapd(calls: Calls) -> None:
    assert SnapProgram("aar", "aar").install("", "", None) == ""
    assert calls == [("ensure_installed", ("aar",), {"update": False})]


def test_a_revision_that_is_no_longer_asked_for_is_released(calls: Calls) -> None:
    assert SnapProgram("aar", "aar").install("", "42", None) == ""
    assert calls == [("unhold", ("aar",), {}), ("ensure_installed", ("aar",), {"update": True})]


def test_a_file_is_installed_once(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, file, program = tmp_path / "log", tmp_path / "aar.snap", tmp_path / "snap"
    program.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    program.chmod(0o755)
    file.write_text("squashed")
    monkeypatch.setattr(snap_program, "SNAP", str(program))
    aar = SnapProgram("aar", "aar")
    asked = aar.install("42", "", file)
    assert aar.install("42", asked, file) == asked
    assert log.read_text() == f"install --dangerous {file}\n"
    assert calls == []
    file.write_text("squashed anew")
    assert aar.install("42", asked, file) != asked
    assert len(log.read_text().splitlines()) == 2


@pytest.mark.parametrize(("content", "found"), [(None, False), ("", False), ("squashed", True)])
def test_an_attached_snap_goes_before_the_store(
    content: str | None,
    found: bool,
    ams_charm: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "ams.snap"
    resources = set() if content is None else {testing.Resource(name="snap", path=file)}
    if content is not None:
        file.write_text(content)
    asked: list[Path | None] = []
    monkeypatch.setattr(ManagementService, "base", tmp_path)
    monkeypatch.setattr(SnapProgram, "patience", 0)
    monkeypatch.setattr(SnapProgram, "install", lambda *args: asked.append(args[-1]) or "")
    monkeypatch.setattr(SnapProgram, "restart", lambda _: None)
    monkeypatch.setattr(SnapProgram, "run", lambda *_, **__: "amc 0.1.0")
    context = testing.Context(ams_charm)
    context.run(context.on.install(), testing.State(resources=resources))
    assert asked == [file if found else None]


def test_amc_can_be_called_by_its_name(calls: Calls) -> None:
    ManagementService().install("", "", None)
    assert ("alias", ("ams", "amc", "amc"), {}) in calls


@pytest.mark.parametrize("step", ["ensure_installed", "restart"])
def test_what_snapd_complains_about_is_passed_on(
    step: str, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise snap.TimeoutError("snapd does not answer")

    monkeypatch.setattr(snap, step, fail)
    program = SnapProgram("aar", "aar")
    with pytest.raises(ProgramError, match=r"the snap aar: .*snapd does not answer"):
        program.install("", "", None) if step == "ensure_installed" else program.restart()


def test_a_program_that_fails_is_quoted_by_its_error_line() -> None:
    program = SnapProgram("aar", "/bin/sh")
    with pytest.raises(ProgramError, match=r"^it is full$"):
        program.run("-c", "echo note >&2; echo 'error: it is full' >&2; exit 1")
    with pytest.raises(ProgramError, match="cannot run /missing"):
        SnapProgram("aar", "/missing").run("status")
