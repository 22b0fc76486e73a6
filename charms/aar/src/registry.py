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
from storage import Place

# For how many seconds the running registry may keep an answer waiting.
ANSWER = 10


class UnwellError(Exception):
    """The registry answers, and says what it cannot work with."""


class Registry(SnapProgram):
    """The registry on this machine."""

    title = "the registry"
    base = Path("/var/snap/aar/common")

    def __init__(self) -> None:
        super().__init__("aar", "/snap/bin/aar")

    @property
    def config_file(self) -> Path:
        """The configuration file."""
        return self.base / "conf" / "main.yaml"

    @property
    def _authorities_file(self) -> Path:
        """Who may have issued the bucket's certificate; the snap lets the program know of it."""
        return self.base / "certs" / "authorities.crt"

    @property
    def _certificate_file(self) -> Path:
        return self.base / "certs" / "server.crt"

    @property
    def _key_file(self) -> Path:
        return self.base / "certs" / "server.key"

    def configure(self, place: Place, host: str, port: int) -> None:
        """Have the registry keep images there and listen here; it restarts where that is new."""
        text = configuration.with_address(place.text, host, port)
        files = {self.config_file: text, self._authorities_file: place.authorities or None}
        replace(self, files, lambda: self._try_out(text, place))

    def _try_out(self, text: str, place: Place) -> None:
        candidate = self.config_file.with_name("candidate.yaml")
        authorities = self._authorities_file.with_name("candidate.crt")
        write_private(candidate, text)
        write_private(authorities, place.authorities)
        known = {"SSL_CERT_FILE": str(authorities)} if place.authorities else {}
        try:
            self.run("check-config", str(candidate))
            self._settle_at(candidate, known)
        except ProgramError as error:
            told = configuration.complaint(str(error), candidate.name, place.source)
            raise ProgramError(told) from error
        finally:
            candidate.unlink()
            authorities.unlink()

    def _settle_at(self, candidate: Path, environment: Mapping[str, str]) -> None:
        """Let a registry that holds nothing yet keep images where this configuration says.

        It belongs to the place where it started first; and snapd starts it before anybody could
        say where. One that holds something stays where it is.
        """
        if not self.config_file.exists():
            self.stop()
        try:
            holds = json.loads(self.run("status", "--format", "json"))
        except ProgramError:
            # It has not started anywhere, or cannot now; the start with the new file tells.
            return
        if not holds["applications"] and not holds["blobs"]:
            command = ["storage", "migrate", "--to", str(candidate)]
            self.run(*command, limit=None, environment=environment)

    @property
    def listens_at(self) -> tuple[str, int]:
        """Where it listens, as its file says; the host is empty for every address."""
        text = self.config_file.read_text(errors="replace") if self.config_file.exists() else ""
        return configuration.address_in(text)

    def problem(self) -> str:
        """Why the registry is of no use now; empty while it answers."""
        try:
            shown = self.shown()
            kept = self._kept_certificate()
        except (OSError, http.client.HTTPException) as error:
            return f"the registry does not answer: {error}"
        except UnwellError as error:
            return f"the registry is not well: {error}"
        except ProgramError as error:
            return str(error)
        return "" if shown == kept else "the registry does not show certs/server.crt: restart it"

    def shown(self) -> str:
        """The certificate that the registry shows when it is asked how it is."""
        host, port = self.listens_at
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Its certificate is what is asked for here; nobody vouches for it.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(
            host or "127.0.0.1", port, timeout=ANSWER, context=context
        )
        try:
            return _ask(connection)
        finally:
            connection.close()

    def certificate(self) -> str:
        """The certificate that the registry shows, without those above it; it has to answer."""
        self.require_answer()
        return self._kept_certificate()

    def _kept_certificate(self) -> str:
        path = self._certificate_file
        try:
            return pem(path.read_text())
        except (OSError, ValueError) as error:
            raise ProgramError(f"{path} cannot be read: {error}") from error
        except InvalidRelationDataError as error:
            raise ProgramError(f"{path}: {error}") from error

    def show(self, chain: str, key: str) -> None:
        """Have the registry show a certificate, with those of its authorities, from now on."""
        replace(self, {self._key_file: key, self._certificate_file: chain})

    def show_its_own(self) -> None:
        """Have the registry make itself a certificate and show that."""
        replace(self, {self._key_file: None, self._certificate_file: None})

    def trusted(self) -> list[dict[str, Any]]:
        """The trusted certificates."""
        return json.loads(self.list_trusted(revoked=False).result)

    def list_trusted(self, *, revoked: bool) -> Output:
        """The trusted certificates, or the revoked ones, as JSON."""
        flags = ["--revoked"] if revoked else []
        return self.call("trust", "list", "--format", "json", *flags)

    def trust(self, certificate: str, role: str) -> None:
        """Trust a certificate; one that is trusted in this role already stays so."""
        flags = ["--publisher"] if role == "publisher" else []
        self.run("trust", "add", "--quiet", *flags, stdin=certificate)

    def distrust(self, fingerprint: str) -> None:
        """Take a certificate out."""
        self.run("trust", "remove", fingerprint)

    def revoke(self, fingerprint: str) -> Output:
        """Refuse a certificate for ever."""
        return self.call("trust", "revoke", "--yes", fingerprint)

    def verify_storage(self) -> Output:
        """Compare everything that is stored with what is said of it."""
        return self.call("storage", "verify", limit=None)

    def collect_garbage(self, *, dry_run: bool) -> Output:
        """Remove what nothing refers to."""
        return self.call("gc", *(["--dry-run"] if dry_run else []), limit=None)


def _ask(connection: http.client.HTTPSConnection) -> str:
    connection.request("GET", "/1.0/status")
    shown = connection.sock.getpeercert(binary_form=True)
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.OK or shown is None:
        raise UnwellError(_problems(answer))
    return ssl.DER_cert_to_PEM_cert(shown)


def _problems(answer: http.client.HTTPResponse) -> str:
    try:
        return "; ".join(json.loads(answer.read())["metadata"]["problems"])
    except (ValueError, KeyError, TypeError):
        return f"it answers {answer.status}"
