"""A certificate for the registry from an authority, over the interface `tls-certificates`.

Clients pin the registry's certificate itself, so a renewal reaches them like any other change: the
relation data makes every related AMS expect the new one.
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass

import ops
from charmlibs.interfaces import tls_certificates as tls

ENDPOINT = "certificates"


@dataclass(frozen=True)
class Issued:
    """An issued certificate followed by those of its CAs, and its key, as PEM."""

    chain: str
    key: str


class Authority:
    """The related authority, if any."""

    def __init__(self, charm: ops.CharmBase, names: Callable[[], set[str]]) -> None:
        self._charm = charm
        # Returns the addresses and names of the unit; none while they are unknown.
        self._names = names
        self._library = tls.TLSCertificatesRequiresV4(
            charm,
            ENDPOINT,
            # Computed when needed: the address of the unit may not be known yet.
            certificate_requests=lambda _capabilities: self._requests(),
            key_algorithm=tls.KeyAlgorithm.ECDSA,
            refresh_events=[charm.on.config_changed],
        )

    def events(self) -> list[ops.BoundEvent]:
        """Return the events that may change the registry's certificate."""
        on = self._library.on
        broken = self._charm.on[ENDPOINT].relation_broken
        return [on.certificate_available, on.certificate_denied, broken]

    def is_related(self) -> bool:
        """Whether there is an authority."""
        return bool(self._charm.model.relations[ENDPOINT])

    def issued(self) -> Issued | None:
        """Return the certificate for this unit's current addresses; None until it is issued."""
        for request in self._requests():
            certificate, key = self._library.get_assigned_certificate(request)
            if certificate is not None and key is not None:
                return self._with_chain(certificate, key)
        return None

    def _with_chain(self, certificate: tls.ProviderCertificate, key: tls.PrivateKey) -> Issued:
        # The chain of some authorities begins with the certificate.
        issuers = [link for link in certificate.chain if link != certificate.certificate]
        chain = "".join(f"{link.raw.strip()}\n" for link in [certificate.certificate, *issuers])
        return Issued(chain, key.raw)

    def refusal(self) -> str:
        """Return why no certificate can be issued; empty if nothing prevents it."""
        try:
            self._host_names()
        except UnicodeError as error:
            return f"a certificate cannot contain the name of this unit: {error}"
        errors = self._library.get_request_errors()
        return f"the authority denied the certificate: {errors[0].error.message}" if errors else ""

    def _requests(self) -> list[tls.CertificateRequestAttributes]:
        """Return the request of this unit; none without an address or with an invalid name."""
        names = self._names()
        try:
            hosts = self._host_names()
        except UnicodeError:
            return []
        if not names:
            return []
        request = tls.CertificateRequestAttributes(
            common_name=self._charm.unit.name,
            sans_ip={name for name in names if _is_address(name)},
            sans_dns=hosts,
            add_unique_id_to_subject_name=False,
        )
        return [request]

    def _host_names(self) -> set[str]:
        """Return the names of this unit in the form of certificates (IDNA)."""
        names = {name for name in {*self._names(), socket.getfqdn()} if not _is_address(name)}
        return {name.encode("idna").decode() for name in names}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
