"""What the charms ask of snapd, and what they make of its answers."""

from collections.abc import Callable
from typing import Any

import pytest
from charmlibs import snap

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
    SnapProgram("aar", "aar").install("42")
    assert calls == [("ensure_installed", ("aar",), {"revision": "42"}), ("hold", ("aar",), {})]


def test_without_a_revision_refreshing_is_left_to_snapd(calls: Calls) -> None:
    SnapProgram("aar", "aar").install("")
    assert calls == [("ensure_installed", ("aar",), {"update": False})]


def test_a_revision_that_is_no_longer_asked_for_is_released(calls: Calls) -> None:
    SnapProgram("aar", "aar").install("", former="42")
    assert calls == [("unhold", ("aar",), {}), ("ensure_installed", ("aar",), {"update": True})]


def test_amc_can_be_called_by_its_name(calls: Calls) -> None:
    ManagementService().install("")
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
        program.install("") if step == "ensure_installed" else program.restart()


def test_a_program_that_fails_is_quoted_by_its_error_line() -> None:
    program = SnapProgram("aar", "/bin/sh")
    with pytest.raises(ProgramError, match=r"^it is full$"):
        program.run("-c", "echo note >&2; echo 'error: it is full' >&2; exit 1")
    with pytest.raises(ProgramError, match="cannot run /missing"):
        SnapProgram("aar", "/missing").run("status")
