"""The registry's certificate, where an authority issues it over the interface `tls-certificates`.

Clients pin the registry's certificate itself, so a renewal reaches them as any other change of it
does: in the relation data, which makes every related AMS expect the new one.
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
    """What an authority issued, as PEM: the certificate followed by those above it, and its key."""

    chain: str
    key: str


class Authority:
    """The related authority, if any."""

    def __init__(self, charm: ops.CharmBase, names: Callable[[], set[str]]) -> None:
        self._charm = charm
        # The addresses and names of the unit; none while they are not known.
        self._names = names
        self._library = tls.TLSCertificatesRequiresV4(
            charm,
            ENDPOINT,
            # Asked for when it is needed: an address needs Juju's answer.
            certificate_requests=lambda _capabilities: self._requests(),
            key_algorithm=tls.KeyAlgorithm.ECDSA,
            refresh_events=[charm.on.config_changed],
        )

    def events(self) -> list[ops.BoundEvent]:
        """The events after which the registry's certificate may have to change."""
        on = self._library.on
        broken = self._charm.on[ENDPOINT].relation_broken
        return [on.certificate_available, on.certificate_denied, broken]

    def is_related(self) -> bool:
        """Whether there is an authority."""
        return bool(self._charm.model.relations[ENDPOINT])

    def issued(self) -> Issued | None:
        """The certificate for this unit as it is reached now, once there is one."""
        for request in self._requests():
            certificate, key = self._library.get_assigned_certificate(request)
            if certificate is not None and key is not None:
                return self._with_those_above(certificate, key)
        return None

    def _with_those_above(
        self, certificate: tls.ProviderCertificate, key: tls.PrivateKey
    ) -> Issued:
        # Authorities differ in whether their chain begins with the certificate.
        above = [link for link in certificate.chain if link != certificate.certificate]
        chain = "".join(f"{link.raw.strip()}\n" for link in [certificate.certificate, *above])
        return Issued(chain, key.raw)

    def refusal(self) -> str:
        """Why there is no certificate to be had; empty while nothing is in its way."""
        try:
            self._host_names()
        except UnicodeError as error:
            return f"a certificate cannot have the name of this unit: {error}"
        errors = self._library.get_request_errors()
        return f"the authority refuses a certificate: {errors[0].error.message}" if errors else ""

    def _requests(self) -> list[tls.CertificateRequestAttributes]:
        """The one request of this unit; none while it has no address or a name that cannot be."""
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
        """The names of this unit, as certificates write them: what is not ASCII is encoded."""
        names = {name for name in {*self._names(), socket.getfqdn()} if not _is_address(name)}
        return {name.encode("idna").decode() for name in names}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
