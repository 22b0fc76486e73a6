#!/usr/bin/env python3
"""Charm of the Anbox Application Registry.

Every event leads to the same two steps. `_configure` installs the registry and has it run as the
options say; `_relate` tells the related units who we are, and makes the registry trust just those
certificates that relations brought. What an operator added by hand is not touched.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

import ops

import relations
from authority import Authority
from charms.aar.v0.aar_interface import MODES, RegistryData
from charms.aar.v0.snap_program import ProgramError, attached_snap
from registry import Registry
from storage import Storage, StorageUnknownError, on_disk, written

logger = logging.getLogger(__name__)


class Blocked(Exception):  # noqa: N818 - a state, not an error
    """Somebody has to do something; the message says what."""


class Waiting(Exception):  # noqa: N818 - a state, not an error
    """It passes by itself; the message says what is missing."""


class AarCharm(ops.CharmBase):
    """The registry, as a unit."""

    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self.registry = Registry()
        self.authority = Authority(self, self._advertised_if_known)
        self.storage = Storage(self)
        # The certificates that relations brought, the snap that was asked for, and whether the
        # registry shows a certificate of an authority and has its images in a relation's bucket.
        self._stored.set_default(fingerprints=[], asked="", issued=False, in_bucket=False)
        for event in self._events_to_reconcile():
            framework.observe(event, self._on_any_event)
        framework.observe(self.on.list_trusted_action, self._on_list_trusted)
        framework.observe(self.on.revoke_action, self._on_revoke)
        framework.observe(self.on.storage_verify_action, self._on_storage_verify)
        framework.observe(self.on.gc_action, self._on_gc)

    def _events_to_reconcile(self) -> list[ops.BoundEvent]:
        on = self.on
        events = [on.install, on.upgrade_charm, on.start, on.config_changed, on.update_status]
        for endpoint in MODES:
            relation = on[endpoint]
            events += [relation.relation_joined, relation.relation_changed]
            events += [relation.relation_departed, relation.relation_broken]
        return events + self.authority.events() + self.storage.events()

    def _on_any_event(self, event: ops.EventBase) -> None:
        self.unit.status = ops.MaintenanceStatus("configuring the registry")
        # Whatever is wrong with the configuration, trust that has gone must not outlast it.
        found = [self._attempt(step, event) for step in (self._configure, self._relate)]
        self.unit.status = next((status for status in found if status), ops.ActiveStatus())

    def _attempt(
        self, step: Callable[[ops.EventBase], None], event: ops.EventBase
    ) -> ops.StatusBase | None:
        try:
            step(event)
        except Waiting as reason:
            return ops.WaitingStatus(str(reason))
        except (Blocked, ProgramError, StorageUnknownError) as reason:
            logger.error("%s", reason)
            return ops.BlockedStatus(str(reason))
        return None

    def _configure(self, event: ops.EventBase) -> None:
        self._install()
        self.registry.configure(self._configuration(self._storage(event)))
        self.unit.set_workload_version(self.registry.version())
        self.unit.set_ports(int(self.config["port"]))
        self._identify(event)

    def _relate(self, event: ops.EventBase) -> None:
        certificate = self.registry.certificate()
        if certificate is None:
            raise Waiting("waiting for the registry's certificate")
        self._publish(certificate)
        self._trust(event)

    def _install(self) -> None:
        revision, former = str(self.config["snap_revision"]), str(self._stored.asked)
        self._stored.asked = self.registry.install(revision, former, attached_snap(self.model))

    def _identify(self, event: ops.EventBase) -> None:
        """Show the certificate of the authority, or the registry's own where there is none.

        Until the authority has answered, the registry shows what it showed before.
        """
        if not self.authority.is_related(event):
            if self._stored.issued:
                self.registry.show_its_own()
                self._stored.issued = False
            return
        issued = self.authority.issued()
        if issued is not None:
            self.registry.show(issued.chain, issued.key)
            self._stored.issued = True
        if refusal := self.authority.refusal():
            raise Blocked(refusal)

    def _configuration(self, storage: dict[str, Any]) -> dict[str, Any]:
        host = self._address()
        host = f"[{host}]" if ":" in host else host
        return {"http": {"addr": f"{host}:{self.config['port']}"}, "storage": storage}

    def _storage(self, event: ops.EventBase) -> dict[str, Any]:
        """Where images are kept."""
        text = str(self.config["storage_config"]).strip()
        related = self.storage.is_related(event)
        if text and related:
            raise Blocked("both storage_config and a relation say where images are: remove one")
        if related:
            bucket = self.storage.bucket()
            if bucket is None:
                raise Waiting("waiting for the bucket")
            self._stored.in_bucket = True
            return bucket
        if text:
            section = written(text)
            self._stored.in_bucket = False
            return section
        if self._stored.in_bucket:
            raise Blocked("the bucket's relation is gone: restore it or set storage_config")
        return on_disk(self.registry.base)

    def _address(self) -> str:
        """The address of this unit that the registry listens on."""
        binding = self.model.get_binding("client")
        if binding is None:
            raise Blocked("Juju has no address for the endpoint client")
        interface = str(self.config["public_interface"])
        if not interface:
            return str(binding.network.bind_address)
        for candidate in binding.network.interfaces:
            if candidate.name == interface and candidate.address:
                return str(candidate.address)
        raise Blocked(f"public_interface: there is no interface {interface} with an address")

    def _advertised(self) -> str:
        """The address or name that clients reach the registry at."""
        return str(self.config["location"]) or self._address()

    def _advertised_if_known(self) -> str | None:
        try:
            return self._advertised()
        except Blocked:
            return None

    def _publish(self, certificate: str) -> None:
        data = RegistryData(certificate, self._advertised(), int(self.config["port"]))
        for relation in self._relations():
            data.write(relation.data[self.unit])

    def _trust(self, event: ops.EventBase) -> None:
        wish = relations.wanted(self._relations(), event)
        managed = list(self._stored.fingerprints)  # type: ignore[call-overload]
        self._stored.fingerprints = relations.apply(self.registry, wish, managed)
        if wish.complaints:
            raise Blocked("; ".join(wish.complaints))

    def _relations(self) -> list[ops.Relation]:
        return [relation for endpoint in MODES for relation in self.model.relations[endpoint]]

    def _on_list_trusted(self, event: ops.ActionEvent) -> None:
        revoked = bool(event.params.get("revoked", False))
        self._act(event, lambda: json.dumps(self.registry.trusted(revoked=revoked)))

    def _on_revoke(self, event: ops.ActionEvent) -> None:
        self._act(event, lambda: self.registry.revoke(event.params["fingerprint"]))

    def _on_storage_verify(self, event: ops.ActionEvent) -> None:
        self._act(event, self.registry.verify_storage)

    def _on_gc(self, event: ops.ActionEvent) -> None:
        self._act(
            event,
            lambda: self.registry.collect_garbage(dry_run=bool(event.params.get("dry-run", False))),
        )

    def _act(self, event: ops.ActionEvent, action: Callable[[], str]) -> None:
        try:
            event.set_results({"result": action()})
        except ProgramError as error:
            event.fail(str(error))


if __name__ == "__main__":
    ops.main(AarCharm)
