#!/usr/bin/env python3
"""Charm of the Anbox Application Registry.

Every event runs the same steps: install the registry, configure it, install the certificate of the
authority, publish address and certificate to the related units, and trust exactly the certificates
of the relations. Certificates that an operator trusted do not change.
"""

import contextlib

import ops

import relations
from authority import Authority
from charms.aar.v0.aar_interface import MODES, RegistryData
from charms.aar.v0.program_charm import Blocked, ProgramCharm, Step, Waiting
from charms.aar.v0.snap_program import ProgramError
from configuration import normalized
from registry import Registry
from storage import Storage, StorageSection, disk_storage


class AarCharm(ProgramCharm):
    """The registry, as a unit."""

    def __init__(self, framework: ops.Framework) -> None:
        self.registry = Registry()
        super().__init__(framework, self.registry)
        self.authority = Authority(self, self._names)
        self.storage = Storage(self)
        # The fingerprints that were added for relations, and whether the certificate comes from an
        # authority and the bucket from a relation.
        self._stored.set_default(fingerprints=[], issued=False, in_bucket=False)
        self.observe(MODES, [*self.authority.events(), *self.storage.events()])
        framework.observe(self.on.list_trusted_action, self._on_list_trusted)
        framework.observe(self.on.revoke_action, self._on_revoke)
        framework.observe(self.on.storage_verify_action, self._on_storage_verify)
        framework.observe(self.on.gc_action, self._on_gc)

    def steps(self) -> list[Step]:
        """Return the steps that every event runs, in this order."""
        return [
            self._withdraw_at_once,
            self.install,
            self._configure,
            self._install_certificate,
            self._publish,
            self._trust,
        ]

    def _withdraw_at_once(self, event: ops.EventBase) -> None:
        """Withdraw the trust of removed relations before another step can fail.

        The last step tries again and reports a failure.
        """
        with contextlib.suppress(ProgramError):
            self._withdraw(relations.desired_trust(self._relations(), event))

    def _configure(self, _event: ops.EventBase) -> None:
        section, port = self._storage_section(), self.port()
        addresses = self.bound_addresses(MODES)
        # It listens on every address if clients and publishers use different networks.
        host = addresses[0] if len(addresses) == 1 else ""
        self.registry.configure(section, host, port)
        self._stored.in_bucket = bool(self.storage.is_related())
        self.unit.set_ports(port)

    def _install_certificate(self, _event: ops.EventBase) -> None:
        """Install the certificate of the authority, or the self-signed one without an authority.

        Until the authority has issued a certificate, the registry keeps the one that it has.
        """
        if not self.authority.is_related():
            if self._stored.issued:
                self.registry.remove_certificate()
                self._stored.issued = False
            return
        issued = self.authority.issued()
        if issued is not None:
            self._stored.issued = True
            self.registry.install_certificate(issued.chain, issued.key)
        if refusal := self.authority.refusal():
            raise Blocked(refusal)

    def _storage_section(self) -> StorageSection:
        text = str(self.config["storage_config"])
        related = self.storage.is_related()
        if text.strip() and related:
            raise Blocked(
                "storage_config and the relation s3 both configure the storage: remove one of them"
            )
        if related:
            bucket = self.storage.bucket()
            if bucket is None:
                raise Waiting("waiting for the bucket")
            return bucket
        if text.strip():
            return StorageSection(normalized(text), "storage_config")
        if self._stored.in_bucket:
            raise Blocked("the relation s3 was removed: restore it or set storage_config")
        return disk_storage(self.registry.base)

    def _names(self) -> set[str]:
        """Return the addresses and names that other units use; none while Juju has no address."""
        try:
            return {self._advertised(endpoint) for endpoint in MODES}
        except Blocked:
            return set()

    def _advertised(self, endpoint: str | ops.Relation) -> str:
        """Return the address or name by which the other side of an endpoint connects."""
        if location := str(self.config["location"]):
            return location
        if self.config["public_interface"]:
            return self.bound_addresses(MODES)[0]
        return str(self.network(endpoint).ingress_address or self.bound_addresses(MODES)[0])

    def _publish(self, _event: ops.EventBase) -> None:
        """Publish the certificate and the address of the registry to the related units."""
        if not self.registry.config_file.exists():
            # The registry listens nowhere before it is configured.
            return
        certificate = self.registry.certificate()
        _, port = self.registry.listen_address
        for relation in self._relations():
            data = RegistryData(certificate, self._advertised(relation), port)
            data.write(relation.data[self.unit])

    def _trust(self, event: ops.EventBase) -> None:
        desired = relations.desired_trust(self._relations(), event)
        self._withdraw(desired)
        managed = relations.trust(self.registry, desired, self._managed())
        self._stored.fingerprints = managed
        if desired.problems:
            raise Blocked("; ".join(desired.problems))

    def _withdraw(self, desired: relations.DesiredTrust) -> None:
        self._stored.fingerprints = relations.withdraw(self.registry, desired, self._managed())

    def _managed(self) -> list[str]:
        return list(self._stored.fingerprints)  # type: ignore[call-overload]

    def _relations(self) -> list[ops.Relation]:
        return [relation for endpoint in MODES for relation in self.model.relations[endpoint]]

    def _on_list_trusted(self, event: ops.ActionEvent) -> None:
        revoked = bool(event.params.get("revoked", False))
        self.run_action(event, lambda: self.registry.list_trusted(revoked=revoked))

    def _on_revoke(self, event: ops.ActionEvent) -> None:
        self.run_action(event, lambda: self.registry.revoke(event.params["fingerprint"]))

    def _on_storage_verify(self, event: ops.ActionEvent) -> None:
        self.run_action(event, self.registry.verify_storage)

    def _on_gc(self, event: ops.ActionEvent) -> None:
        dry_run = bool(event.params.get("dry-run", False))
        self.run_action(event, lambda: self.registry.collect_garbage(dry_run=dry_run))


if __name__ == "__main__":
    ops.main(AarCharm)
