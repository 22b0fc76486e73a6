"""AMS on this machine: its files and its command line."""

import json
from pathlib import Path
from typing import Any

import yaml

from charms.aar.v0.snap_program import ProgramError, SnapProgram, write_private


class ManagementService(SnapProgram):
    """AMS on this machine."""

    base = Path("/var/snap/ams/common")

    def __init__(self) -> None:
        super().__init__("ams", "/snap/bin/ams.amc", alias="amc")

    def configure(self, settings: dict[str, Any]) -> None:
        """Have AMS run with these settings, restarting it only where they changed."""
        text = yaml.safe_dump(settings, sort_keys=False)
        path = self.base / "server" / "settings.yaml"
        if path.exists() and path.read_text() == text:
            return
        write_private(path, text)
        self.restart()

    def restart(self) -> None:
        """Start the service, or restart it, and wait until it answers."""
        super().restart()
        self.await_start(self._answers)

    def _answers(self) -> bool:
        try:
            self.run("info")
        except ProgramError:
            return False
        return True

    def registry_certificate(self) -> str | None:
        """The certificate that AMS shows to a registry, once it has one."""
        path = self.base / "registry" / "client.crt"
        return path.read_text() if path.exists() else None

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

    def sync(self, *, confirm_removals: bool) -> str:
        """Compare with the registry now."""
        return self.run("registry", "pull", *(["--confirm-removals"] if confirm_removals else []))

    def registry_status(self) -> str:
        """How this AMS stands with its registry, as JSON."""
        return self.run("registry", "status", "--format", "json")
