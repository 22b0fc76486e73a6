"""A certificate authority, as far as a charm sees it: another application in a relation."""

import dataclasses
import json
from datetime import timedelta
from typing import Any

from charmlibs.interfaces import tls_certificates as tls
from ops import testing


class Signer:
    """It signs whatever a unit asks for."""

    def __init__(self) -> None:
        self.key = tls.PrivateKey.generate(key_algorithm="ecdsa")
        self.certificate = tls.Certificate.generate_self_signed_ca(
            tls.CertificateRequestAttributes(common_name="authority"), self.key, timedelta(days=365)
        )

    def relation(self, number: int = 77) -> testing.Relation:
        return testing.Relation("certificates", id=number, remote_app_name="authority")

    def answer(self, relation: testing.Relation) -> testing.Relation:
        """The relation after every request of the unit was granted."""
        return self._tell(relation, certificates=[self._grant(csr) for csr in _requests(relation)])

    def refuse(self, relation: testing.Relation, why: str) -> testing.Relation:
        error = {"code": 101, "name": "IP_NOT_ALLOWED", "message": why}
        errors = [{"csr": csr, "error": error} for csr in _requests(relation)]
        return self._tell(relation, request_errors=errors)

    def _grant(self, csr: str) -> dict[str, Any]:
        request = tls.CertificateSigningRequest.from_string(csr)
        signed = request.sign(self.certificate, self.key, timedelta(days=90))
        chain = [signed.raw, self.certificate.raw]
        return {
            "ca": self.certificate.raw,
            "chain": chain,
            "certificate": signed.raw,
            "certificate_signing_request": csr,
        }

    def _tell(self, relation: testing.Relation, **told: Any) -> testing.Relation:
        data = {key: json.dumps(value) for key, value in told.items()}
        return dataclasses.replace(relation, remote_app_data=data)


def _requests(relation: testing.Relation) -> list[str]:
    asked = json.loads(relation.local_unit_data["certificate_signing_requests"])
    return [entry["certificate_signing_request"] for entry in asked]
