"""The registry on this machine: its files and its command line."""

import json
import ssl
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

    @property
    def _certificate_file(self) -> Path:
        return self.base / "certs" / "server.crt"

    @property
    def _key_file(self) -> Path:
        return self.base / "certs" / "server.key"

    def configure(self, config: dict[str, Any]) -> None:
        """Have the registry run with this configuration, restarting it only where it changed."""
        text = yaml.safe_dump(config, sort_keys=False)
        if self.config_file.exists() and self.config_file.read_text() == text:
            return
        self._check(text)
        write_private(self.config_file, text)
        self.restart()

    def restart(self) -> None:
        """Start the service, or restart it, and wait until it has a certificate."""
        super().restart()
        self.await_start(self._certificate_file.exists)

    def certificate(self) -> str | None:
        """The certificate that the registry shows, once it has one, without those above it."""
        if not self._certificate_file.exists():
            return None
        first, end, _ = self._certificate_file.read_text().partition(ssl.PEM_FOOTER)
        return f"{first}{end}\n"

    def show(self, chain: str, key: str) -> None:
        """Have the registry show a certificate, with those of its authorities, from now on."""
        present = self._certificate_file
        if present.exists() and present.read_text() == chain and self._key_file.exists():
            return
        write_private(self._key_file, key)
        write_private(self._certificate_file, chain)
        self.restart()

    def show_its_own(self) -> None:
        """Have the registry make itself a certificate and show that."""
        self._certificate_file.unlink(missing_ok=True)
        self._key_file.unlink(missing_ok=True)
        self.restart()

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
