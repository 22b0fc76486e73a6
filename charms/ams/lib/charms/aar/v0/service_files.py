"""The files that a service reads when it starts: changed together, with a way back.

A change may look good and still keep the service from starting: a bucket that is not there, a port
that is taken. So the former files stay beside the new ones, as `*.former`, until the service has
come up with the new ones. Where it does not, it gets the former ones back.

As long as a `*.former` is there, a restart is due, whatever became of the hook that was to do it.
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

# For how many seconds files that the service did not come up with are not tried again: whatever
# keeps it from starting may pass, but each attempt costs the time that it is down for.
PAUSE = 3600

# The text of each file; None where there is to be none.
Files = Mapping[Path, str | None]


def replace(
    service: SnapProgram, wanted: Files, prepare: Callable[[], None] = lambda: None
) -> None:
    """Have the service run with these files, or with the former ones where it does not.

    Nothing is restarted where they are what it runs with already. `prepare` comes before anything
    is touched; where it fails, nothing is.
    """
    change = _Change(service, wanted)
    if change.is_in_place and not change.is_due:
        change.forget_refusal()
        return
    change.fail_if_refused()
    prepare()
    change.make()
    if problem := service.come_up():
        raise ProgramError(change.undo(problem))
    change.conclude()
    change.forget_refusal()


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
        """Keep the file beside, unless there is one the service is known to have run with.

        An empty one stands for none.
        """
        if not self.former.exists():
            write_private(self.former, _read(self.path) or "")

    def put(self, text: str | None) -> None:
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
        # What the service did not come up with the last time, and why.
        self._refusal = self._files[0].path.with_name(f"{self._files[0].path.name}.refused")

    @property
    def is_due(self) -> bool:
        return any(file.former.exists() for file in self._files)

    @property
    def is_in_place(self) -> bool:
        return all(file.is_in_place for file in self._files)

    def make(self) -> None:
        for file in self._files:
            file.keep_former()
        for file in self._files:
            file.put(file.wanted)

    def conclude(self) -> None:
        for file in self._files:
            file.former.unlink(missing_ok=True)

    def undo(self, problem: str) -> str:
        """Go back to the former files, and return what there is to say.

        Without any, the service goes on trying with these.
        """
        former = {file: _read(file.former) or None for file in self._files}
        if not any(former.values()):
            return problem
        told = f"{problem}; it has got back what it ran with before"
        write_private(self._refusal, json.dumps({"digest": self._digest, "problem": told}))
        for file, text in former.items():
            file.put(text)
        self._restart_with_former()
        return told

    def forget_refusal(self) -> None:
        self._refusal.unlink(missing_ok=True)

    def fail_if_refused(self) -> None:
        """Fail with what was wrong with these files not long ago."""
        text = _read(self._refusal)
        refusal = json.loads(text) if text else {}
        if refusal.get("digest") != self._digest:
            return
        if time.time() - self._refusal.stat().st_mtime > PAUSE:
            return
        if self.is_due:
            self._restart_with_former()
        raise ProgramError(refusal["problem"])

    def _restart_with_former(self) -> None:
        if not self._service.come_up():
            self.conclude()


def write_private(path: Path, text: str) -> None:
    """Put a file in place whole, readable by its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_bytes(text.encode(errors="surrogateescape"))
    new.replace(path)


def _read(path: Path) -> str | None:
    """What is in a file, whatever that is; None where there is none."""
    return path.read_bytes().decode(errors="surrogateescape") if path.exists() else None
