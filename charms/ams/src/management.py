"""AMS on this machine: its files, its service and its command line."""

import json
import pwd
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from charms.aar.v0.aar_interface import InvalidRelationDataError, pem
from charms.aar.v0.service_files import replace, write_private
from charms.aar.v0.snap_program import Output, ProgramError, SnapProgram

# In seconds.
RESPONSE_TIMEOUT = 10
# The charm's option of each setting.
OPTIONS = {
    "listen-address": "port",
    "logger.level": "log_level",
    "metrics.prometheus.listen-address": "prometheus_target_port",
}
# The user that operators log in as on a machine of Juju.
LOGIN_USER = "ubuntu"


class ManagementService(SnapProgram):
    """AMS on this machine."""

    title = "AMS"
    base = Path("/var/snap/ams/common")
    # The program of the service; `program` is amc.
    server = "/snap/bin/ams"

    def __init__(self) -> None:
        super().__init__("ams", "/snap/bin/ams.amc", alias="amc")

    def configure(self, settings: dict[str, Any]) -> None:
        """Apply the settings; AMS restarts if they changed."""
        text = yaml.safe_dump({**settings, **_allowed_users()}, sort_keys=False)
        replace(self, {self.base / "server" / "settings.yaml": text}, lambda: self._check(text))

    def _check(self, text: str) -> None:
        """Check the settings with the program, in a temporary folder."""
        candidate = self.base / "candidate"
        write_private(candidate / "server" / "settings.yaml", text)
        try:
            self.run("--base-dir", str(candidate), "check-config", program=self.server)
        except ProgramError as error:
            raise ProgramError(_name_option(str(error))) from error
        finally:
            shutil.rmtree(candidate)

    def problem(self) -> str:
        """Return why AMS cannot be used; empty if it can."""
        try:
            self.run("info", limit=RESPONSE_TIMEOUT)
        except ProgramError as error:
            return str(error)
        return ""

    def registry_certificate(self) -> str | None:
        """Return the certificate that AMS presents to a registry; None if it is missing."""
        path = self.base / "registry" / "client.crt"
        try:
            return pem(path.read_text()) if path.exists() else None
        except (OSError, ValueError) as error:
            raise ProgramError(f"{path} cannot be read: {error}") from error
        except InvalidRelationDataError as error:
            raise ProgramError(f"{path}: {error}") from error

    def config(self) -> dict[str, Any]:
        """Return every configuration item."""
        return yaml.safe_load(self.run("config", "show"))["config"]

    def set_item(self, name: str, value: str) -> None:
        """Set a configuration item."""
        self.run("config", "set", name, value)

    def trusted(self) -> set[str]:
        """Return the fingerprints in the trust store."""
        listed = json.loads(self.run("config", "trust", "list", "--format", "json"))
        return {entry["fingerprint"] for entry in listed}

    def trust(self, certificate: str) -> Output:
        """Add a certificate to the trust store."""
        return self.call("config", "trust", "add", "-", stdin=certificate)

    def distrust(self, fingerprint: str) -> None:
        """Remove a certificate from the trust store."""
        self.run("config", "trust", "remove", fingerprint)

    def sync(self, *, confirm_removals: bool) -> Output:
        """Sync with the registry now: push or pull, according to the mode."""
        direction = "push" if self.config()["registry.mode"] == "push" else "pull"
        if confirm_removals and direction == "push":
            raise ProgramError("this AMS is a publisher: it has no removals to confirm")
        flags = ["--confirm-removals"] if confirm_removals else []
        return self.call("registry", direction, *flags, limit=None)

    def registry_status(self) -> Output:
        """Return the status of the registry agent as JSON."""
        return self.call("registry", "status", "--format", "json")


def _allowed_users() -> dict[str, Any]:
    """Return the setting that lets the login user run amc without root."""
    try:
        return {"allowed-uids": [pwd.getpwnam(LOGIN_USER).pw_uid]}
    except KeyError:
        return {}


def _name_option(message: str) -> str:
    """Turn an error of the program about a setting into one about the charm's option."""
    error = re.sub(r".*settings\.yaml(:\d+)?: ", "", message)
    key, _, reason = error.partition(": ")
    return f"{OPTIONS.get(key, key)}: {reason}" if reason else error
