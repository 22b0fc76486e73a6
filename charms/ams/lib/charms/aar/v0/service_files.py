"""Files that a service reads when it starts, changed together and rolled back on failure.

A valid change can still keep the service from starting: a missing bucket, a port in use. So the
former files are kept as `*.former` until the service has started with the new ones. If it does not
start, the former files are restored.

While a `*.former` exists, a restart is pending, even if the hook that began the change was killed.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from charms.aar.v0.snap_program import ProgramError, SnapProgram

LIBID = "9f0c5a0f3a1d4a5f8f0f5b3f6c2d7e19"
LIBAPI = 0
LIBPATCH = 1

# In seconds, before rejected files are tried again: the cause may have gone, but each attempt stops
# the service.
RETRY_DELAY = 3600

# The text of each file; None deletes it.
Files = Mapping[Path, str | None]


def replace(
    service: SnapProgram, wanted: Files, prepare: Callable[[], None] = lambda: None
) -> None:
    """Restart the service with these files, or with the former ones if it does not start.

    Nothing happens if the service runs with them already. `prepare` runs before any file changes;
    if it fails, none does.
    """
    change = _Change(service, wanted)
    if change.is_in_place and not change.is_restart_pending:
        change.forget_rejection()
        return
    change.fail_if_rejected()
    prepare()
    change.apply()
    if problem := service.restart_and_wait():
        raise ProgramError(change.roll_back(problem))
    change.commit()
    change.forget_rejection()


@dataclass(frozen=True)
class _File:
    path: Path
    wanted: str | None

    @property
    def former(self) -> Path:
        return self.path.with_name(f"{self.path.name}.former")

    @property
    def is_in_place(self) -> bool:
        return _read(self.path) == self.wanted

    def keep_former(self) -> None:
        """Keep the present file, unless one is kept already with which the service has run.

        An empty file stands for a missing one.
        """
        if not self.former.exists():
            write_private(self.former, _read(self.path) or "")

    def write(self, text: str | None) -> None:
        if text is None:
            self.path.unlink(missing_ok=True)
        else:
            write_private(self.path, text)


class _Change:
    def __init__(self, service: SnapProgram, wanted: Files) -> None:
        self._service = service
        self._files = [_File(path, text) for path, text in wanted.items()]
        texts = [[str(file.path), file.wanted] for file in self._files]
        self._digest = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
        # The digest of the files that were rejected last, and the reason.
        self._rejection = self._files[0].path.with_name(f"{self._files[0].path.name}.refused")

    @property
    def is_restart_pending(self) -> bool:
        return any(file.former.exists() for file in self._files)

    @property
    def is_in_place(self) -> bool:
        return all(file.is_in_place for file in self._files)

    def apply(self) -> None:
        for file in self._files:
            file.keep_former()
        for file in self._files:
            file.write(file.wanted)

    def commit(self) -> None:
        for file in self._files:
            file.former.unlink(missing_ok=True)

    def roll_back(self, problem: str) -> str:
        """Restore the former files; returns the message for the operator.

        Without former files, the new ones stay and snapd restarts the service again and again.
        """
        former = {file: _read(file.former) or None for file in self._files}
        if not any(former.values()):
            return problem
        message = f"{problem}; the former files were restored"
        write_private(self._rejection, json.dumps({"digest": self._digest, "problem": message}))
        for file, text in former.items():
            file.write(text)
        self._restart_with_former()
        return message

    def forget_rejection(self) -> None:
        self._rejection.unlink(missing_ok=True)

    def fail_if_rejected(self) -> None:
        """Fail with the reason for which these files were rejected recently."""
        text = _read(self._rejection)
        rejection = json.loads(text) if text else {}
        if rejection.get("digest") != self._digest:
            return
        if time.time() - self._rejection.stat().st_mtime > RETRY_DELAY:
            return
        if self.is_restart_pending:
            self._restart_with_former()
        raise ProgramError(rejection["problem"])

    def _restart_with_former(self) -> None:
        if not self._service.restart_and_wait():
            self.commit()


def write_private(path: Path, text: str) -> None:
    """Write a file atomically, readable by its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_bytes(text.encode(errors="surrogateescape"))
    new.replace(path)


def _read(path: Path) -> str | None:
    """Return the content of a file, text or not; None if it is missing."""
    return path.read_bytes().decode(errors="surrogateescape") if path.exists() else None
