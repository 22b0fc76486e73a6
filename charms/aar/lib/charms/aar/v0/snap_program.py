"""A program that a snap brings: installing it, restarting it, running its command line."""

import hashlib
import logging
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import ops
from charmlibs import snap

logger = logging.getLogger(__name__)

LIBID = "2f0f52b5d1ab4d5c8b7e4c4f2b9a6d21"
LIBAPI = 0
LIBPATCH = 1

SERVICE = "daemon"
SNAP = "/usr/bin/snap"
TIME_LIMIT = 300


class ProgramError(Exception):
    """The program, or its snap, refused or failed; the message is its own."""


class SnapProgram:
    """A program that a snap brings."""

    # For how many seconds a service that was started may be on its way.
    patience = 30.0

    def __init__(self, name: str, program: str, alias: str = "") -> None:
        self.name = name
        self.program = program
        self.alias = alias

    def install(self, revision: str, former: str, file: Path | None) -> str:
        """Install the snap: this file, else this revision, held there, else what the store offers.

        Returns what was asked for; the next time, that is `former`. A snap that is no longer asked
        for at a revision follows its channel again.
        """
        try:
            if file is not None:
                asked = self._install_file(file, former)
            elif revision:
                snap.ensure_installed(self.name, revision=revision)
                snap.hold(self.name)
                asked = revision
            else:
                if former:
                    snap.unhold(self.name)
                # Otherwise snapd is the one that refreshes.
                snap.ensure_installed(self.name, update=bool(former))
                asked = ""
            if self.alias:
                snap.alias(self.name, self.alias, self.alias)
        except snap.Error as error:
            raise ProgramError(f"cannot install the snap {self.name}: {error}") from error
        return asked

    def _install_file(self, file: Path, former: str) -> str:
        """Install a snap that no store has signed; the library leaves that to the command."""
        with file.open("rb") as content:
            asked = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
        if asked != former:
            _run([SNAP, "install", "--dangerous", str(file)], self.name)
        return asked

    def restart(self) -> None:
        """Start the service, or restart it."""
        try:
            snap.restart(self.name, SERVICE)
        except snap.Error as error:
            raise ProgramError(f"cannot restart the snap {self.name}: {error}") from error

    def await_start(self, is_up: Callable[[], bool]) -> None:
        """Give a service that was started the time to come up; what then fails says why."""
        deadline = time.monotonic() + self.patience
        while not is_up() and time.monotonic() < deadline:
            time.sleep(0.1)

    def version(self) -> str:
        """The version of the program."""
        return self.run("--version").split()[-1]

    def run(self, *args: str, stdin: str = "") -> str:
        """Run a command of the program and return what it printed."""
        return _run([self.program, *args], self.name, stdin)


def attached_snap(model: ops.Model) -> Path | None:
    """The snap that the resource `snap` holds; an empty one stands for none."""
    try:
        path = model.resources.fetch("snap")
    except ops.ModelError:
        return None
    return path if path.stat().st_size else None


def _run(command: list[str], name: str, stdin: str = "") -> str:
    logger.debug("running %s", command)
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramError(f"cannot run {command[0]}: {error}") from error
    if done.returncode != 0:
        raise ProgramError(_complaint(done.stderr) or f"{name} {command[1]} failed")
    return done.stdout


def write_private(path: Path, text: str) -> None:
    """Put a file in place whole, readable by its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)


def _complaint(stderr: str) -> str:
    """The line in which a program says what is wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    complaint = next((line for line in lines if line.startswith("error:")), "".join(lines[:1]))
    return complaint.removeprefix("error:").strip()
