"""A program in a snap: installing it, restarting its service, running its commands."""

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
# In seconds, for commands without a limit of their own.
TIME_LIMIT = 300
# The number of log lines that are searched for an error of the service.
LOG_LINES = 20


class ProgramError(Exception):
    """The program or snapd reported an error; the message is theirs."""

    def __init__(self, message: str, output: "Output | None" = None) -> None:
        super().__init__(message)
        self.output = output or Output()


@dataclass(frozen=True)
class Output:
    """Standard output and standard error of a command."""

    result: str = ""
    notes: str = ""


class SnapProgram:
    """A program in a snap; subclasses check whether its service responds."""

    # Its name in messages.
    title = "the program"
    # In seconds: the time for a restart, and for a response of a service that may just have been
    # started with the machine.
    restart_timeout = 30.0
    response_timeout = 5.0

    def __init__(self, name: str, program: str, alias: str = "") -> None:
        self.name = name
        self.program = program
        self.alias = alias

    def install(self, revision: str, former: str, file: Path | None) -> str:
        """Install the snap: this file, else this revision, else the newest of its channel.

        A revision is held. Returns the requested version, which is `former` the next time. A snap
        whose revision is no longer requested follows its channel again.
        """
        try:
            if file is not None:
                requested = self._install_file(file, former)
            elif revision:
                requested = self._install_revision(revision)
            else:
                requested = self._install_newest(former)
            if self.alias and not os.path.lexists(COMMANDS / self.alias):
                snap.alias(self.name, self.alias, self.alias)
        except snap.Error as error:
            raise ProgramError(f"cannot install the snap {self.name}: {error}") from error
        return requested

    def _install_file(self, file: Path, former: str) -> str:
        """Install a snap without a signature of the store, which the library cannot do."""
        with file.open("rb") as content:
            requested = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
        if requested != former:
            _run([SNAP, "install", "--dangerous", str(file)], self.name)
        return requested

    def _install_revision(self, revision: str) -> str:
        snap.ensure_installed(self.name, revision=revision)
        if snap.list_one(self.name).hold is None:
            snap.hold(self.name)
        return revision

    def _install_newest(self, former: str) -> str:
        if former:
            snap.unhold(self.name)
        # Otherwise snapd refreshes it.
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
        """Return why the service cannot be used; empty if it responds."""
        raise NotImplementedError

    def restart_and_wait(self) -> str:
        """Restart the service and wait until it responds; returns why it does not."""
        since = datetime.datetime.now(datetime.UTC)
        self.restart()
        problem = self._problem_after(self.restart_timeout)
        return (self.last_error(since) or problem) if problem else ""

    def require_response(self) -> None:
        """Fail with the reason unless the service responds soon."""
        if problem := self._problem_after(self.response_timeout):
            error = self.last_error()
            raise ProgramError(f"{problem}; it exited with: {error}" if error else problem)

    def _problem_after(self, seconds: float) -> str:
        deadline = time.monotonic() + seconds
        while (problem := self.problem()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return problem

    def last_error(self, since: datetime.datetime | None = None) -> str:
        """Return the last error in the service's log since then; empty if there is none."""
        try:
            entries = snap.logs(self.name, limit=LOG_LINES)
        except snap.Error as error:
            logger.warning("cannot read the log of %s: %s", self.name, error)
            return ""
        recent = [entry for entry in entries if since is None or entry.timestamp >= since]
        return first_error(entry.message for entry in reversed(recent))

    def version(self) -> str:
        """Return the version of the program."""
        return self.run("--version").split()[-1]

    def run(self, *args: str, **options: Any) -> str:
        """Run a command and return its standard output."""
        return self.call(*args, **options).result

    def call(
        self,
        *args: str,
        stdin: str = "",
        program: str = "",
        limit: float | None = TIME_LIMIT,
        environment: Mapping[str, str] | None = None,
    ) -> Output:
        """Run a command of the program, or of another program of its snap.

        `limit` is in seconds; None is no limit.
        """
        command = [program or self.program, *args]
        return _run(command, self.name, stdin, limit, environment)


def attached_snap(model: ops.Model, name: str) -> Path | None:
    """Return the resource `<name>-snap` or `snap`; an empty file stands for none."""
    for resource in (f"{name}-snap", "snap"):
        try:
            path = model.resources.fetch(resource)
        except ops.ModelError:
            continue
        if path.stat().st_size:
            return path
    return None


def first_error(lines: Iterable[str]) -> str:
    """Return the text of the first line that begins with `error:`; empty if none does."""
    stripped = (line.strip() for line in lines)
    error = next((line for line in stripped if line.startswith("error:")), "")
    return error.removeprefix("error:").strip()


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
    """Return the error in a program's standard error, else its first line."""
    lines = [line.strip() for line in notes.splitlines() if line.strip()]
    return first_error(lines) or "".join(lines[:1])
