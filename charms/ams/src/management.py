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

# For how many seconds AMS may keep an answer waiting that it has at hand.
ANSWER = 10
# What the options of the charm are called in the settings.
OPTIONS = {
    "listen-address": "port",
    "logger.level": "log_level",
    "metrics.prometheus.listen-address": "prometheus_target_port",
}
# Who logs in to a machine of Juju's, and calls amc there.
OPERATOR = "ubuntu"


class ManagementService(SnapProgram):
    """AMS on this machine."""

    title = "AMS"
    base = Path("/var/snap/ams/common")
    # The program that serves, beside its command line amc.
    server = "/snap/bin/ams"

    def __init__(self) -> None:
        super().__init__("ams", "/snap/bin/ams.amc", alias="amc")

    def configure(self, settings: dict[str, Any]) -> None:
        """Have AMS run with these settings; it restarts where they are new."""
        text = yaml.safe_dump({**settings, **_operators()}, sort_keys=False)
        replace(self, {self.base / "server" / "settings.yaml": text}, lambda: self._check(text))

    def _check(self, text: str) -> None:
        """Have the program judge the settings, in a folder of their own."""
        candidate = self.base / "candidate"
        write_private(candidate / "server" / "settings.yaml", text)
        try:
            self.run("--base-dir", str(candidate), "check-config", program=self.server)
        except ProgramError as error:
            raise ProgramError(_of_option(str(error))) from error
        finally:
            shutil.rmtree(candidate)

    def problem(self) -> str:
        """Why AMS is of no use now; empty while it answers."""
        try:
            self.run("info", limit=ANSWER)
        except ProgramError as error:
            return str(error)
        return ""

    def registry_certificate(self) -> str | None:
        """The certificate that AMS shows to a registry, once it has one."""
        path = self.base / "registry" / "client.crt"
        try:
            return pem(path.read_text()) if path.exists() else None
        except (OSError, ValueError) as error:
            raise ProgramError(f"{path} cannot be read: {error}") from error
        except InvalidRelationDataError as error:
            raise ProgramError(f"{path}: {error}") from error

    def config(self) -> dict[str, Any]:
        """Every configuration item."""
        return yaml.safe_load(self.run("config", "show"))["config"]

    def set_item(self, name: str, value: str) -> None:
        """Set a configuration item."""
        self.run("config", "set", name, value)

    def trusted(self) -> set[str]:
        """The fingerprints in the trust store."""
        listed = json.loads(self.run("config", "trust", "list", "--format", "json"))
        return {entry["fingerprint"] for entry in listed}

    def trust(self, certificate: str) -> None:
        """Put a certificate in the trust store."""
        self.run("config", "trust", "add", "-", stdin=certificate)

    def distrust(self, fingerprint: str) -> None:
        """Take a certificate out of the trust store."""
        self.run("config", "trust", "remove", fingerprint)

    def sync(self, *, confirm_removals: bool) -> Output:
        """Compare with the registry now, and push or pull as the mode says."""
        direction = "push" if self.config()["registry.mode"] == "push" else "pull"
        if confirm_removals and direction == "push":
            raise ProgramError("this AMS publishes: it holds no removals back")
        flags = ["--confirm-removals"] if confirm_removals else []
        return self.call("registry", direction, *flags, limit=None)

    def registry_status(self) -> Output:
        """How this AMS stands with its registry, as JSON."""
        return self.call("registry", "status", "--format", "json")


def _operators() -> dict[str, Any]:
    """The setting that lets whoever logs in call amc without becoming root."""
    try:
        return {"allowed-uids": [pwd.getpwnam(OPERATOR).pw_uid]}
    except KeyError:
        return {}


def _of_option(message: str) -> str:
    """What the program says of its settings, told of the option of the charm."""
    told = re.sub(r".*settings\.yaml(:\d+)?: ", "", message)
    key, _, rest = told.partition(": ")
    return f"{OPTIONS.get(key, key)}: {rest}" if rest else told
