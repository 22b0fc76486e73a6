"""The registry on this machine: its files, its service and its command line."""

import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import configuration
from charms.aar.v0.aar_interface import InvalidRelationDataError, pem
from charms.aar.v0.service_files import replace, write_private
from charms.aar.v0.snap_program import Output, ProgramError, SnapProgram
from storage import StorageSection

# In seconds.
RESPONSE_TIMEOUT = 10


class UnhealthyError(Exception):
    """The registry responds that it cannot work; the message is its reason."""


class Registry(SnapProgram):
    """The registry on this machine."""

    title = "the registry"
    base = Path("/var/snap/aar/common")

    def __init__(self) -> None:
        super().__init__("aar", "/snap/bin/aar")

    @property
    def config_file(self) -> Path:
        """Return the path of the configuration file."""
        return self.base / "conf" / "main.yaml"

    @property
    def _authorities_file(self) -> Path:
        """Return the path of the CAs of the bucket; the snap passes it to the program."""
        return self.base / "certs" / "authorities.crt"

    @property
    def _certificate_file(self) -> Path:
        return self.base / "certs" / "server.crt"

    @property
    def _key_file(self) -> Path:
        return self.base / "certs" / "server.key"

    def configure(self, section: StorageSection, host: str, port: int) -> None:
        """Configure storage and listen address; the registry restarts if they changed."""
        text = configuration.with_address(section.text, host, port)
        files = {self.config_file: text, self._authorities_file: section.authorities or None}
        replace(self, files, lambda: self._check_candidate(text, section))

    def _check_candidate(self, text: str, section: StorageSection) -> None:
        candidate = self.config_file.with_name("candidate.yaml")
        authorities = self._authorities_file.with_name("candidate.crt")
        write_private(candidate, text)
        write_private(authorities, section.authorities)
        environment = {"SSL_CERT_FILE": str(authorities)} if section.authorities else {}
        try:
            self.run("check-config", str(candidate))
            self._move_empty_storage(candidate, environment)
        except ProgramError as error:
            message = configuration.error_about(section.source, str(error), candidate.name)
            raise ProgramError(message) from error
        finally:
            candidate.unlink()
            authorities.unlink()

    def _move_empty_storage(self, candidate: Path, environment: Mapping[str, str]) -> None:
        """Move a registry without applications to the storage of this configuration.

        A registry belongs to the storage with which it started first, and snapd starts it before it
        can be configured. A registry with applications stays where it is.
        """
        if not self.config_file.exists():
            self.stop()
        try:
            status = json.loads(self.run("status", "--format", "json"))
        except ProgramError:
            # It has never started, or it cannot start now; the start with the new file reports why.
            return
        if not status["applications"] and not status["blobs"]:
            command = ["storage", "migrate", "--to", str(candidate)]
            self.run(*command, limit=None, environment=environment)

    @property
    def listen_address(self) -> tuple[str, int]:
        """Return the configured host and port; no host means every address."""
        text = self.config_file.read_text(errors="replace") if self.config_file.exists() else ""
        return configuration.address_in(text)

    def problem(self) -> str:
        """Return why the registry cannot be used; empty if it can."""
        try:
            presented = self.presented_certificate()
            on_disk = self._certificate_on_disk()
        except (OSError, http.client.HTTPException) as error:
            return f"the registry does not respond: {error}"
        except UnhealthyError as error:
            return f"the registry is unhealthy: {error}"
        except ProgramError as error:
            return str(error)
        if presented != on_disk:
            return "the registry does not present certs/server.crt: restart it"
        return ""

    def presented_certificate(self) -> str:
        """Return the certificate that the registry presents in response to a request."""
        host, port = self.listen_address
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The certificate is compared by the caller.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            host or "127.0.0.1", port, timeout=RESPONSE_TIMEOUT, context=context
        )
        try:
            return _request_status(connection)
        finally:
            connection.close()

    def certificate(self) -> str:
        """Return the certificate that the registry presents, without those of its CAs."""
        self.require_response()
        return self._certificate_on_disk()

    def _certificate_on_disk(self) -> str:
        path = self._certificate_file
        try:
            return pem(path.read_text())
        except (OSError, ValueError) as error:
            raise ProgramError(f"{path} cannot be read: {error}") from error
        except InvalidRelationDataError as error:
            raise ProgramError(f"{path}: {error}") from error

    def install_certificate(self, chain: str, key: str) -> None:
        """Have the registry present a certificate, with those of its CAs."""
        replace(self, {self._key_file: key, self._certificate_file: chain})

    def remove_certificate(self) -> None:
        """Remove the certificate; the registry creates a self-signed one."""
        replace(self, {self._key_file: None, self._certificate_file: None})

    def trusted(self) -> list[dict[str, Any]]:
        """Return the trusted certificates."""
        return json.loads(self.list_trusted(revoked=False).result)

    def list_trusted(self, *, revoked: bool) -> Output:
        """List the trusted certificates, or the revoked ones, as JSON."""
        flags = ["--revoked"] if revoked else []
        return self.call("trust", "list", "--format", "json", *flags)

    def trust(self, certificate: str, role: str) -> None:
        """Trust a certificate in a role."""
        flags = ["--publisher"] if role == "publisher" else []
        self.run("trust", "add", "--quiet", *flags, stdin=certificate)

    def distrust(self, fingerprint: str) -> None:
        """Remove a certificate from the trusted ones."""
        self.run("trust", "remove", fingerprint)

    def revoke(self, fingerprint: str) -> Output:
        """Revoke a certificate for ever."""
        return self.call("trust", "revoke", "--yes", fingerprint)

    def verify_storage(self) -> Output:
        """Verify every stored image against its metadata."""
        return self.call("storage", "verify", limit=None)

    def collect_garbage(self, *, dry_run: bool) -> Output:
        """Remove unreferenced images."""
        return self.call("gc", *(["--dry-run"] if dry_run else []), limit=None)


def _request_status(connection: http.client.HTTPSConnection) -> str:
    connection.request("GET", "/1.0/status")
    certificate = connection.sock.getpeercert(binary_form=True)
    response = connection.getresponse()
    if response.status != http.HTTPStatus.OK or certificate is None:
        raise UnhealthyError(_problems(response))
    return ssl.DER_cert_to_PEM_cert(certificate)


def _problems(response: http.client.HTTPResponse) -> str:
    try:
        return "; ".join(json.loads(response.read())["metadata"]["problems"])
    except (ValueError, KeyError, TypeError):
        return f"it responds with status {response.status}"
