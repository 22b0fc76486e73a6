#!/usr/bin/env python3
"""Charm of the application half of the Anbox Management Service.

Every event leads to the same place, `_reconcile`: install, configure, tell the related registry who
we are, and point AMS at the registry it is related to, or at none.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ops
from cosl.cos_tool import configure_cache

from charms.aar.v0.aar_interface import (
    CLIENT,
    PUBLISHER,
    AmsData,
    InvalidRelationDataError,
    RegistryData,
)
from charms.aar.v0.snap_program import ProgramError, attached_snap
from charms.grafana_agent.v0.cos_agent import COSAgentProvider
from management import ManagementService

logger = logging.getLogger(__name__)

ENDPOINTS = {"registry-client": CLIENT, "registry-publisher": PUBLISHER}
ALERT_RULES = Path(__file__).parent / "prometheus_alert_rules"
REGISTRY_MODES = {CLIENT: "pull", PUBLISHER: "push"}


class Blocked(Exception):  # noqa: N818 - a state, not an error
    """Somebody has to do something; the message says what."""


class AmsCharm(ops.CharmBase):
    """AMS, as a unit."""

    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self.ams = ManagementService()
        # The registry certificate that a relation brought into the trust store, and the snap that
        # was asked for.
        self._stored.set_default(fingerprint="", asked="")
        self.observability = self._observability()
        for event in self._events_to_reconcile():
            framework.observe(event, self._on_any_event)
        framework.observe(self.on.registry_sync_action, self._on_registry_sync)
        framework.observe(self.on.registry_status_action, self._on_registry_status)

    def _events_to_reconcile(self) -> list[ops.BoundEvent]:
        on = self.on
        events = [on.install, on.upgrade_charm, on.start, on.config_changed, on.update_status]
        for endpoint in ENDPOINTS:
            relation = on[endpoint]
            events += [relation.relation_joined, relation.relation_changed]
            events += [relation.relation_departed, relation.relation_broken]
        return events

    def _observability(self) -> COSAgentProvider:
        # By default it would be in /tmp, where anybody could prepare it for a program of root's.
        configure_cache(self.charm_dir / ".cos-tool-cache")
        port = int(self.config["prometheus_target_port"])
        return COSAgentProvider(
            self,
            metrics_endpoints=[{"path": "/metrics", "port": port}],
            metrics_rules_dir=str(ALERT_RULES),
            # An upgrade may bring other rules.
            refresh_events=[self.on.config_changed, self.on.upgrade_charm],
        )

    def _on_any_event(self, event: ops.EventBase) -> None:
        try:
            self._reconcile(event)
        except (Blocked, ProgramError, InvalidRelationDataError) as reason:
            logger.error("%s", reason)
            self.unit.status = ops.BlockedStatus(str(reason))

    def _reconcile(self, event: ops.EventBase) -> None:
        self.unit.status = ops.MaintenanceStatus("configuring AMS")
        self._install()
        self.ams.configure(self._settings())
        self.unit.set_workload_version(self.ams.version())
        self.unit.set_ports(int(self.config["port"]))
        relation = self._relation(event)
        if relation is None:
            self._forget_registry()
            self.unit.status = ops.ActiveStatus()
            return
        mode = ENDPOINTS[relation.name]
        if not self._introduce(relation, mode):
            self.unit.status = ops.WaitingStatus("waiting for the certificate of AMS")
            return
        registry = self._registry(relation, event)
        if registry is None:
            self.unit.status = ops.WaitingStatus("waiting for the registry")
            return
        self._use_registry(registry, REGISTRY_MODES[mode])
        self.unit.status = ops.ActiveStatus()

    def _install(self) -> None:
        revision, former = str(self.config["snap_revision"]), str(self._stored.asked)
        self._stored.asked = self.ams.install(revision, former, attached_snap(self.model))

    def _settings(self) -> dict[str, Any]:
        host = self._address()
        host = f"[{host}]" if ":" in host else host
        return {
            "listen-address": f"{host}:{self.config['port']}",
            "logger": {"level": str(self.config["log_level"])},
            "metrics": {
                "prometheus": {
                    "listen-address": f"127.0.0.1:{self.config['prometheus_target_port']}"
                }
            },
        }

    def _address(self) -> str:
        """The address of this unit that AMS listens on."""
        binding = self.model.get_binding("registry-client")
        if binding is None:
            raise Blocked("Juju has no address for the endpoint registry-client")
        interface = str(self.config["public_interface"])
        if not interface:
            return str(binding.network.bind_address)
        for candidate in binding.network.interfaces:
            if candidate.name == interface and candidate.address:
                return str(candidate.address)
        raise Blocked(f"public_interface: there is no interface {interface} with an address")

    def _relation(self, event: ops.EventBase) -> ops.Relation | None:
        """The one registry relation that stays."""
        broken = event.relation.id if isinstance(event, ops.RelationBrokenEvent) else None
        related = [
            relation
            for endpoint in ENDPOINTS
            for relation in self.model.relations[endpoint]
            if relation.id != broken
        ]
        if len(related) > 1:
            raise Blocked("an AMS is a client or a publisher of one registry: remove a relation")
        return related[0] if related else None

    def _introduce(self, relation: ops.Relation, mode: str) -> bool:
        certificate = self.ams.registry_certificate()
        if certificate is not None:
            AmsData(certificate, mode).write(relation.data[self.unit])
        return certificate is not None

    def _registry(self, relation: ops.Relation, event: ops.EventBase) -> RegistryData | None:
        leaving = event.departing_unit if isinstance(event, ops.RelationDepartedEvent) else None
        staying = (unit for unit in relation.units if unit != leaving)
        for unit in sorted(staying, key=lambda unit: unit.name):
            data = RegistryData.read(relation.data[unit])
            if data is not None:
                return data
        return None

    def _use_registry(self, registry: RegistryData, mode: str) -> None:
        if registry.fingerprint not in self.ams.trusted():
            self.ams.trust(registry.certificate)
        # The mode first: an AMS that is to publish must not begin by pulling.
        wanted = {
            "registry.mode": mode,
            "registry.fingerprint": registry.fingerprint,
            "registry.url": registry.url,
        }
        present = self.ams.config()
        for name, value in wanted.items():
            if present.get(name) != value:
                self.ams.set_item(name, value)
        self._distrust_former(registry.fingerprint)

    def _forget_registry(self) -> None:
        if self._stored.fingerprint:
            self.ams.set_item("registry.url", "")
            self.ams.set_item("registry.fingerprint", "")
            self._distrust_former("")

    def _distrust_former(self, present: str) -> None:
        """Take the certificate of a former registry, or a former certificate of it, out."""
        former = str(self._stored.fingerprint)
        if former and former != present and former in self.ams.trusted():
            self.ams.distrust(former)
        self._stored.fingerprint = present

    def _on_registry_sync(self, event: ops.ActionEvent) -> None:
        confirm = bool(event.params.get("confirm-removals", False))
        self._act(event, lambda: self.ams.sync(confirm_removals=confirm))

    def _on_registry_status(self, event: ops.ActionEvent) -> None:
        self._act(event, self.ams.registry_status)

    def _act(self, event: ops.ActionEvent, action: Callable[[], str]) -> None:
        try:
            event.set_results({"result": action()})
        except ProgramError as error:
            event.fail(str(error))


if __name__ == "__main__":
    ops.main(AmsCharm)
