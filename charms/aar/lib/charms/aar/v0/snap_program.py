"""A program that a snap brings: installing it, restarting it, running its command line."""

import datetime
import hashlib
import logging
import os
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ops
from charmlibs import snap

logger = logging.getLogger(__name__)

LIBID = "2f0f52b5d1ab4d5c8b7e4c4f2b9a6d21"
LIBAPI = 0
LIBPATCH = 2

SERVICE = "daemon"
SNAP = "/usr/bin/snap"
COMMANDS = Path("/snap/bin")
# For how many seconds a command may run that does not say otherwise.
TIME_LIMIT = 300
# How many of its last lines are looked through for what a service complains about.
LINES = 20


class ProgramError(Exception):
    """The program, or its snap, refused or failed; the message is its own."""

    def __init__(self, message: str, output: "Output | None" = None) -> None:
        super().__init__(message)
        self.output = output or Output()


@dataclass(frozen=True)
class Output:
    """What a command printed: what was asked for, and what it says beside that."""

    result: str = ""
    notes: str = ""


class SnapProgram:
    """A program that a snap brings; what it is says how its service is asked."""

    # What messages call it.
    title = "the program"
    # For how many seconds a service that was restarted may be on its way, and one that is only
    # looked at, which may just have been started with the machine.
    patience = 30.0
    promptness = 5.0

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
                asked = self._install_revision(revision)
            else:
                asked = self._install_newest(former)
            if self.alias and not os.path.lexists(COMMANDS / self.alias):
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

    def _install_revision(self, revision: str) -> str:
        snap.ensure_installed(self.name, revision=revision)
        if snap.list_one(self.name).hold is None:
            snap.hold(self.name)
        return revision

    def _install_newest(self, former: str) -> str:
        if former:
            snap.unhold(self.name)
        # Otherwise snapd is the one that refreshes.
        snap.ensure_installed(self.name, update=bool(former))
        return ""

    def stop(self) -> None:
        """Stop the service until it is started again."""
        try:
            snap.stop(self.name, SERVICE)
        except snap.Error as error:
            raise ProgramError(f"cannot stop the snap {self.name}: {error}") from error

    def restart(self) -> None:
        """Start the service, or restart it."""
        try:
            snap.restart(self.name, SERVICE)
        except snap.Error as error:
            raise ProgramError(f"cannot restart the snap {self.name}: {error}") from error

    def problem(self) -> str:
        """Why the service is of no use now; empty while it answers."""
        raise NotImplementedError

    def come_up(self) -> str:
        """Restart the service and give it time; returns why it does not answer then, if so."""
        since = datetime.datetime.now(datetime.UTC)
        self.restart()
        problem = self._problem_after(self.patience)
        return (self.complaint(since) or problem) if problem else ""

    def require_answer(self) -> None:
        """Fail with what is wrong unless the service answers, or does so soon."""
        if problem := self._problem_after(self.promptness):
            said = self.complaint()
            raise ProgramError(f"{problem}; it ended with: {said}" if said else problem)

    def _problem_after(self, seconds: float) -> str:
        deadline = time.monotonic() + seconds
        while (problem := self.problem()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return problem

    def complaint(self, since: datetime.datetime | None = None) -> str:
        """What the service ended with, since then; empty where it says nothing of the kind."""
        try:
            entries = snap.logs(self.name, limit=LINES)
        except snap.Error as error:
            logger.warning("cannot read the log of %s: %s", self.name, error)
            return ""
        recent = [entry for entry in entries if since is None or entry.timestamp >= since]
        return error_among(entry.message for entry in reversed(recent))

    def version(self) -> str:
        """The version of the program."""
        return self.run("--version").split()[-1]

    def run(self, *args: str, **options: Any) -> str:
        """Run a command as `call` does and return its result alone."""
        return self.call(*args, **options).result

    def call(
        self,
        *args: str,
        stdin: str = "",
        program: str = "",
        limit: float | None = TIME_LIMIT,
        environment: Mapping[str, str] | None = None,
    ) -> Output:
        """Run a command of the program, or of another one of its snap.

        `limit` is in seconds; None lets it take as long as it does.
        """
        command = [program or self.program, *args]
        return _run(command, self.name, stdin, limit, environment)


def attached_snap(model: ops.Model) -> Path | None:
    """The snap that the resource `snap` holds; an empty one stands for none."""
    try:
        path = model.resources.fetch("snap")
    except ops.ModelError:
        return None
    return path if path.stat().st_size else None


def error_among(lines: Iterable[str]) -> str:
    """What the first line says in which a program says that it failed; empty if none does."""
    stripped = (line.strip() for line in lines)
    complaint = next((line for line in stripped if line.startswith("error:")), "")
    return complaint.removeprefix("error:").strip()


def _run(
    command: list[str],
    name: str,
    stdin: str = "",
    limit: float | None = TIME_LIMIT,
    environment: Mapping[str, str] | None = None,
) -> Output:
    logger.debug("running %s", command)
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=limit,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProgramError(f"cannot run {command[0]}: {error}") from error
    output = Output(done.stdout, done.stderr)
    if done.returncode != 0:
        raise ProgramError(_reason(done.stderr) or f"{name} {command[1]} failed", output)
    return output


def _reason(notes: str) -> str:
    """The line in which a program says what is wrong: not a warning, where there is another."""
    lines = [line.strip() for line in notes.splitlines() if line.strip()]
    return error_among(lines) or "".join(lines[:1])
