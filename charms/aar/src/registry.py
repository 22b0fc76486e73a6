"""The registry on this machine: its files and its command line."""

import json
from pathlib import Path
from typing import Any

import yaml

from charms.aar.v0.snap_program import SnapProgram, write_private


class Registry(SnapProgram):
    """The registry on this machine."""

    base = Path("/var/snap/aar/common")

    def __init__(self) -> None:
        super().__init__("aar", "/snap/bin/aar")

    @property
    def config_file(self) -> Path:
        """The configuration file."""
        return self.base / "conf" / "main.yaml"

    def configure(self, config: dict[str, Any]) -> None:
        """Have the registry run with this configuration, restarting it only where it changed."""
        text = yaml.safe_dump(config, sort_keys=False)
        if self.config_file.exists() and self.config_file.read_text() == text:
            return
        self._check(text)
        write_private(self.config_file, text)
        self.restart()

    def certificate(self) -> str | None:
        """The certificate that the registry shows, once it has one."""
        path = self.base / "certs" / "server.crt"
        return path.read_text() if path.exists() else None

    def trusted(self, *, revoked: bool = False) -> list[dict[str, Any]]:
        """The trusted certificates, or the revoked ones."""
        flags = ["--revoked"] if revoked else []
        return json.loads(self.run("trust", "list", "--format", "json", *flags))

    def trust(self, certificate: str, role: str) -> None:
        """Trust a certificate; one that is trusted in this role already stays so."""
        flags = ["--publisher"] if role == "publisher" else []
        self.run("trust", "add", "--quiet", *flags, stdin=certificate)

    def distrust(self, fingerprint: str) -> None:
        """Take a certificate out."""
        self.run("trust", "remove", fingerprint)

    def revoke(self, fingerprint: str) -> str:
        """Refuse a certificate for ever."""
        return self.run("trust", "revoke", "--yes", fingerprint)

    def verify_storage(self) -> str:
        """Compare everything that is stored with what is said of it."""
        return self.run("storage", "verify")

    def collect_garbage(self, *, dry_run: bool) -> str:
        """Remove what nothing refers to."""
        return self.run("gc", *(["--dry-run"] if dry_run else []))

    def _check(self, text: str) -> None:
        candidate = self.config_file.with_name("candidate.yaml")
        write_private(candidate, text)
        try:
            self.run("check-config", str(candidate))
        finally:
            candidate.unlink()
