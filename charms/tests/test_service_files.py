"""Files that a service reads when it starts, and changes with which it does not start."""

import datetime
import os
import stat
from pathlib import Path

import pytest

from charms.aar.v0 import service_files
from charms.aar.v0.service_files import replace
from charms.aar.v0.snap_program import ProgramError, SnapProgram


class Service(SnapProgram):
    """A service that starts unless its file contains `bad`, and whose restart may fail."""

    restart_timeout = 0

    def __init__(self, file: Path) -> None:
        super().__init__("service", "service")
        self.file = file
        self.running_with: str | None = None
        self.restarts = 0
        self.fails_to_restart = False

    def restart(self) -> None:
        if self.fails_to_restart:
            raise ProgramError("cannot restart: another change is in progress")
        self.restarts += 1
        text = self.file.read_text() if self.file.exists() else "nothing"
        self.running_with = None if "bad" in text else text

    def problem(self) -> str:
        return "" if self.running_with else "it does not respond"

    def last_error(self, since: datetime.datetime | None = None) -> str:
        return "it is bad"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "conf/main.yaml"


@pytest.fixture
def service(file: Path) -> Service:
    return Service(file)


def other_files(file: Path) -> set[str]:
    return {path.name for path in file.parent.iterdir()} - {file.name}


def test_new_files_are_private_and_restart_the_service_once(service: Service, file: Path) -> None:
    for _ in range(2):
        replace(service, {file: "good"})
    assert service.running_with == "good"
    assert service.restarts == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert other_files(file) == set()


def test_former_files_are_restored_when_the_service_does_not_start(
    service: Service, file: Path
) -> None:
    other = file.with_name("other")
    replace(service, {file: "good", other: None})
    with pytest.raises(ProgramError, match="bad; the former files were restored"):
        replace(service, {file: "bad", other: "more"})
    assert service.running_with == file.read_text() == "good"
    assert other_files(file) == {"main.yaml.refused"}


def test_rejected_files_are_retried_when_changed_or_after_a_pause(
    service: Service, file: Path
) -> None:
    def attempt(text: str) -> int:
        before = service.restarts
        with pytest.raises(ProgramError, match="it is bad"):
            replace(service, {file: text})
        return service.restarts - before

    replace(service, {file: "good"})
    # One restart with the new files, one with the former ones.
    assert attempt("bad") == 2
    assert attempt("bad") == 0
    assert attempt("bad, too") == 2
    rejection = file.with_name("main.yaml.refused")
    then = rejection.stat().st_mtime - service_files.RETRY_DELAY - 1
    os.utime(rejection, (then, then))
    assert attempt("bad, too") == 2
    # After a change back to the former files, the rejected ones are tried again.
    replace(service, {file: "good"})
    assert attempt("bad, too") == 2


def test_first_files_stay_although_the_service_does_not_start(service: Service, file: Path) -> None:
    for restarts in (1, 2):
        with pytest.raises(ProgramError, match=r"^it is bad$"):
            replace(service, {file: "bad"})
        assert (file.read_text(), service.restarts) == ("bad", restarts)
    replace(service, {file: "good"})
    assert service.running_with == "good"


@pytest.mark.parametrize("text", ["good, too", None])
def test_failed_restart_stays_pending(text: str | None, service: Service, file: Path) -> None:
    replace(service, {file: "good"})
    service.fails_to_restart = True
    for _ in range(2):
        with pytest.raises(ProgramError, match="another change is in progress"):
            replace(service, {file: text})
        assert service.running_with == "good"
    service.fails_to_restart = False
    replace(service, {file: text})
    assert service.running_with == (text or "nothing")
    assert service.restarts == 2


def test_roll_back_restores_the_files_that_the_service_ran_with(
    service: Service, file: Path
) -> None:
    replace(service, {file: "good"})
    service.fails_to_restart = True
    with pytest.raises(ProgramError):
        replace(service, {file: "never tried"})
    service.fails_to_restart = False
    with pytest.raises(ProgramError):
        replace(service, {file: "bad"})
    assert service.running_with == file.read_text() == "good"


def test_interrupted_roll_back_is_continued(service: Service, file: Path) -> None:
    replace(service, {file: "good"})
    start = service.restart

    def fail_the_second() -> None:
        service.fails_to_restart = service.restarts == 2
        start()

    service.restart = fail_the_second
    with pytest.raises(ProgramError, match="another change is in progress"):
        replace(service, {file: "bad"})
    assert service.running_with is None
    service.restart = start
    service.fails_to_restart = False
    with pytest.raises(ProgramError, match="it is bad"):
        replace(service, {file: "bad"})
    assert service.running_with == "good"
    assert other_files(file) == {"main.yaml.refused"}


def test_file_that_is_not_text_is_restored_unchanged(service: Service, file: Path) -> None:
    def restart() -> None:
        service.running_with = None if b"bad" in file.read_bytes() else "bytes"

    file.parent.mkdir()
    file.write_bytes(b"\xff\r\n\x00")
    service.restart = restart
    with pytest.raises(ProgramError):
        replace(service, {file: "bad"})
    assert file.read_bytes() == b"\xff\r\n\x00"


def test_failed_preparation_changes_nothing(service: Service, file: Path) -> None:
    replace(service, {file: "good"})

    def fail() -> None:
        raise ProgramError("line 3: no")

    with pytest.raises(ProgramError, match="line 3"):
        replace(service, {file: "better"}, fail)
    assert (file.read_text(), service.restarts) == ("good", 1)
    assert other_files(file) == set()
