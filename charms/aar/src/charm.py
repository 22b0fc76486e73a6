#!/usr/bin/env python3
"""Charm of the Anbox Application Registry.

Every event leads to the same steps: install the registry, have it run as the options say, show the
certificate of the authority, tell the related units who it is, and have it trust just those
certificates that relations brought. What an operator trusted by hand is not touched.
"""

import contextlib

import ops

import relations
from authority import Authority
from charms.aar.v0.aar_interface import MODES, RegistryData
from charms.aar.v0.program_charm import Blocked, ProgramCharm, Step, Waiting
from charms.aar.v0.snap_program import ProgramError
from configuration import written
from registry import Registry
from storage import Place, Storage, on_disk


class AarCharm(ProgramCharm):
    """The registry, as a unit."""

    def __init__(self, framework: ops.Framework) -> None:
        self.registry = Registry()
        super().__init__(framework, self.registry)
        self.authority = Authority(self, self._names)
        self.storage = Storage(self)
        # The certificates that were added for relations, and whether the registry shows a
        # certificate of an authority and has its images in a relation's bucket.
        self._stored.set_default(fingerprints=[], issued=False, in_bucket=False)
        self.observe(MODES, [*self.authority.events(), *self.storage.events()])
        framework.observe(self.on.list_trusted_action, self._on_list_trusted)
        framework.observe(self.on.revoke_action, self._on_revoke)
        framework.observe(self.on.storage_verify_action, self._on_storage_verify)
        framework.observe(self.on.gc_action, self._on_gc)

    def steps(self) -> list[Step]:
        """What every event leads to, in this order."""
        return [
            self._withdraw_at_once,
            self.install,
            self._configure,
            self._identify,
            self._publish,
            self._trust,
        ]

    def _withdraw_at_once(self, event: ops.EventBase) -> None:
        """Withdraw trust that has gone before anything else can be wrong.

        The last step tries it again, and says what is wrong if it cannot be done.
        """
        with contextlib.suppress(ProgramError):
            self._withdraw(relations.wanted(self._relations(), event))

    def _configure(self, _event: ops.EventBase) -> None:
        place, port = self._place(), self.port()
        addresses = self.bound_addresses(MODES)
        # Where clients and publishers come by different networks, it listens on every one.
        host = addresses[0] if len(addresses) == 1 else ""
        self.registry.configure(place, host, port)
        self._stored.in_bucket = bool(self.storage.is_related())
        self.unit.set_ports(port)

    def _identify(self, _event: ops.EventBase) -> None:
        """Show the certificate of the authority, or the registry's own where there is none.

        Until the authority has answered, the registry shows what it showed before.
        """
        if not self.authority.is_related():
            if self._stored.issued:
                self.registry.show_its_own()
                self._stored.issued = False
            return
        issued = self.authority.issued()
        if issued is not None:
            self._stored.issued = True
            self.registry.show(issued.chain, issued.key)
        if refusal := self.authority.refusal():
            raise Blocked(refusal)

    def _place(self) -> Place:
        """Where images are kept."""
        text = str(self.config["storage_config"])
        related = self.storage.is_related()
        if text.strip() and related:
            raise Blocked("both storage_config and a relation say where images are: remove one")
        if related:
            bucket = self.storage.bucket()
            if bucket is None:
                raise Waiting("waiting for the bucket")
            return bucket
        if text.strip():
            return Place(written(text), "storage_config")
        if self._stored.in_bucket:
            raise Blocked("the bucket's relation is gone: restore it or set storage_config")
        return on_disk(self.registry.base)

    def _names(self) -> set[str]:
        """Under which addresses and names this unit is reached, as far as that is known."""
        try:
            return {self._advertised(endpoint) for endpoint in MODES}
        except Blocked:
            return set()

    def _advertised(self, endpoint: str | ops.Relation) -> str:
        """The address or name that the other side of an endpoint reaches the registry at."""
        if location := str(self.config["location"]):
            return location
        if self.config["public_interface"]:
            return self.bound_addresses(MODES)[0]
        return str(self.network(endpoint).ingress_address or self.bound_addresses(MODES)[0])

    def _publish(self, _event: ops.EventBase) -> None:
        """Tell the related units what the registry shows, and where."""
        if not self.registry.config_file.exists():
            # It keeps what it gets where nobody has said.
            return
        certificate = self.registry.certificate()
        _, port = self.registry.listens_at
        for relation in self._relations():
            data = RegistryData(certificate, self._advertised(relation), port)
            data.write(relation.data[self.unit])

    def _trust(self, event: ops.EventBase) -> None:
        wish = relations.wanted(self._relations(), event)
        self._withdraw(wish)
        managed = relations.trust(self.registry, wish, self._managed())
        self._stored.fingerprints = managed
        if wish.complaints:
            raise Blocked("; ".join(wish.complaints))

    def _withdraw(self, wish: relations.Wanted) -> None:
        self._stored.fingerprints = relations.withdraw(self.registry, wish, self._managed())

    def _managed(self) -> list[str]:
        return list(self._stored.fingerprints)  # type: ignore[call-overload]

    def _relations(self) -> list[ops.Relation]:
        return [relation for endpoint in MODES for relation in self.model.relations[endpoint]]

    def _on_list_trusted(self, event: ops.ActionEvent) -> None:
        revoked = bool(event.params.get("revoked", False))
        self.act(event, lambda: self.registry.list_trusted(revoked=revoked))

    def _on_revoke(self, event: ops.ActionEvent) -> None:
        self.act(event, lambda: self.registry.revoke(event.params["fingerprint"]))

    def _on_storage_verify(self, event: ops.ActionEvent) -> None:
        self.act(event, self.registry.verify_storage)

    def _on_gc(self, event: ops.ActionEvent) -> None:
        dry_run = bool(event.params.get("dry-run", False))
        self.act(event, lambda: self.registry.collect_garbage(dry_run=dry_run))


if __name__ == "__main__":
    ops.main(AarCharm)
