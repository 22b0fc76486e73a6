"""A certificate authority in a relation."""

import dataclasses
import json
from datetime import timedelta
from typing import Any

from charmlibs.interfaces import tls_certificates as tls
from ops import testing


class Signer:
    """It signs every request, or denies it."""

    def __init__(self) -> None:
        self.key = tls.PrivateKey.generate(key_algorithm="ecdsa")
        self.certificate = tls.Certificate.generate_self_signed_ca(
            tls.CertificateRequestAttributes(common_name="authority"), self.key, timedelta(days=365)
        )

    def relation(self, number: int = 77) -> testing.Relation:
        return testing.Relation("certificates", id=number, remote_app_name="authority")

    def grant(self, relation: testing.Relation) -> testing.Relation:
        """Return the relation with a certificate for every request of the unit."""
        return self._respond(
            relation, certificates=[self._sign(csr) for csr in _requests(relation)]
        )

    def deny(self, relation: testing.Relation, reason: str) -> testing.Relation:
        error = {"code": 101, "name": "IP_NOT_ALLOWED", "message": reason}
        errors = [{"csr": csr, "error": error} for csr in _requests(relation)]
        return self._respond(relation, request_errors=errors)

    def _sign(self, csr: str) -> dict[str, Any]:
        request = tls.CertificateSigningRequest.from_string(csr)
        signed = request.sign(self.certificate, self.key, timedelta(days=90))
        chain = [signed.raw, self.certificate.raw]
        return {
            "ca": self.certificate.raw,
            "chain": chain,
            "certificate": signed.raw,
            "certificate_signing_request": csr,
        }

    def _respond(self, relation: testing.Relation, **values: Any) -> testing.Relation:
        data = {key: json.dumps(value) for key, value in values.items()}
        return dataclasses.replace(relation, remote_app_data=data)


def _requests(relation: testing.Relation) -> list[str]:
    requests = json.loads(relation.local_unit_data["certificate_signing_requests"])
    return [entry["certificate_signing_request"] for entry in requests]
