"""A program that a snap brings: installing it, restarting it, running its command line."""

import logging
import subprocess
from pathlib import Path

from charmlibs import snap

logger = logging.getLogger(__name__)

LIBID = "2f0f52b5d1ab4d5c8b7e4c4f2b9a6d21"
LIBAPI = 0
LIBPATCH = 1

SERVICE = "daemon"
TIME_LIMIT = 300


class ProgramError(Exception):
    """The program, or its snap, refused or failed; the message is its own."""


class SnapProgram:
    """A program that a snap brings."""

    def __init__(self, name: str, program: str) -> None:
        self.name = name
        self.program = program

    def install(self, revision: str) -> None:
        """Install the snap; at this revision, and held there, where one is given."""
        try:
            if revision:
                snap.ensure_installed(self.name, revision=revision)
                snap.hold(self.name)
            else:
                snap.ensure_installed(self.name)
        except snap.Error as error:
            raise ProgramError(f"cannot install the snap {self.name}: {error}") from error

    def restart(self) -> None:
        """Start the service, or restart it."""
        try:
            snap.restart(self.name, SERVICE)
        except snap.Error as error:
            raise ProgramError(f"cannot restart the snap {self.name}: {error}") from error

    def version(self) -> str:
        """The version of the program."""
        return self.run("--version").split()[-1]

    def run(self, *args: str, stdin: str = "") -> str:
        """Run a command of the program and return what it printed."""
        command = [self.program, *args]
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
            raise ProgramError(f"cannot run {self.program}: {error}") from error
        if done.returncode != 0:
            raise ProgramError(_complaint(done.stderr) or f"{self.name} {args[0]} failed")
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
