"""Files that a service reads when it starts, and what becomes of a change that it does not take."""

import datetime
import os
import stat
from pathlib import Path

import pytest

from charms.aar.v0 import service_files
from charms.aar.v0.service_files import replace
from charms.aar.v0.snap_program import ProgramError, SnapProgram


class Service(SnapProgram):
    """One that starts with whatever does not say `bad`, and may refuse to be restarted."""

    patience = 0

    def __init__(self, file: Path) -> None:
        super().__init__("service", "service")
        self.file = file
        self.runs_with: str | None = None
        self.restarts = 0
        self.refuses = False

    def restart(self) -> None:
        if self.refuses:
            raise ProgramError("cannot restart: another change is in progress")
        self.restarts += 1
        text = self.file.read_text() if self.file.exists() else "nothing"
        self.runs_with = None if "bad" in text else text

    def problem(self) -> str:
        return "" if self.runs_with else "it does not answer"

    def complaint(self, since: datetime.datetime | None = None) -> str:
        return "it is bad"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "conf/main.yaml"


@pytest.fixture
def service(file: Path) -> Service:
    return Service(file)


def left_beside(file: Path) -> set[str]:
    return {path.name for path in file.parent.iterdir()} - {file.name}


def test_new_files_are_private_and_restart_the_service_once(service: Service, file: Path) -> None:
    for _ in range(2):
        replace(service, {file: "good"})
    assert service.runs_with == "good"
    assert service.restarts == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert left_beside(file) == set()


def test_files_that_it_does_not_start_with_give_way_to_the_former_ones(
    service: Service, file: Path
) -> None:
    other = file.with_name("other")
    replace(service, {file: "good", other: None})
    with pytest.raises(ProgramError, match="bad; it has got back what it ran with"):
        replace(service, {file: "bad", other: "more"})
    assert service.runs_with == file.read_text() == "good"
    assert left_beside(file) == {"main.yaml.refused"}


def test_what_was_refused_is_tried_again_when_it_has_changed_or_after_a_while(
    service: Service, file: Path
) -> None:
    def attempt(text: str) -> int:
        before = service.restarts
        with pytest.raises(ProgramError, match="it is bad"):
            replace(service, {file: text})
        return service.restarts - before

    replace(service, {file: "good"})
    # There, and back.
    assert attempt("bad") == 2
    assert attempt("bad") == 0
    assert attempt("bad, too") == 2
    refusal = file.with_name("main.yaml.refused")
    then = refusal.stat().st_mtime - service_files.PAUSE - 1
    os.utime(refusal, (then, then))
    assert attempt("bad, too") == 2
    # Somebody has gone back to the former files, and tries once more.
    replace(service, {file: "good"})
    assert attempt("bad, too") == 2


def test_a_first_file_stays_and_the_service_goes_on_trying(service: Service, file: Path) -> None:
    for restarts in (1, 2):
        with pytest.raises(ProgramError, match=r"^it is bad$"):
            replace(service, {file: "bad"})
        assert (file.read_text(), service.restarts) == ("bad", restarts)
    replace(service, {file: "good"})
    assert service.runs_with == "good"


@pytest.mark.parametrize("text", ["good, too", None])
def test_a_restart_that_failed_is_due_until_it_was_done(
    text: str | None, service: Service, file: Path
) -> None:
    replace(service, {file: "good"})
    service.refuses = True
    for _ in range(2):
        with pytest.raises(ProgramError, match="another change is in progress"):
            replace(service, {file: text})
        assert service.runs_with == "good"
    service.refuses = False
    replace(service, {file: text})
    assert service.runs_with == (text or "nothing")
    assert service.restarts == 2


def test_the_way_back_is_the_one_to_what_it_ran_with_last(service: Service, file: Path) -> None:
    replace(service, {file: "good"})
    service.refuses = True
    with pytest.raises(ProgramError):
        replace(service, {file: "never tried"})
    service.refuses = False
    with pytest.raises(ProgramError):
        replace(service, {file: "bad"})
    assert service.runs_with == file.read_text() == "good"


def test_a_way_back_that_was_cut_short_is_gone_on_with(service: Service, file: Path) -> None:
    replace(service, {file: "good"})
    start = service.restart

    def refuse_the_second() -> None:
        service.refuses = service.restarts == 2
        start()

    service.restart = refuse_the_second
    with pytest.raises(ProgramError, match="another change is in progress"):
        replace(service, {file: "bad"})
    assert service.runs_with is None
    service.restart = start
    service.refuses = False
    with pytest.raises(ProgramError, match="it is bad"):
        replace(service, {file: "bad"})
    assert service.runs_with == "good"
    assert left_beside(file) == {"main.yaml.refused"}


def test_whatever_is_in_a_file_comes_back_as_it_was(service: Service, file: Path) -> None:
    def restart() -> None:
        service.runs_with = None if b"bad" in file.read_bytes() else "bytes"

    file.parent.mkdir()
    file.write_bytes(b"\xff\r\n\x00")
    service.restart = restart
    with pytest.raises(ProgramError):
        replace(service, {file: "bad"})
    assert file.read_bytes() == b"\xff\r\n\x00"


def test_nothing_is_touched_where_the_preparation_fails(service: Service, file: Path) -> None:
    replace(service, {file: "good"})

    def fail() -> None:
        raise ProgramError("line 3: no")

    with pytest.raises(ProgramError, match="line 3"):
        replace(service, {file: "better"}, fail)
    assert (file.read_text(), service.restarts) == ("good", 1)
    assert left_beside(file) == set()
