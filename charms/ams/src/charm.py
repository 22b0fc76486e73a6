#!/usr/bin/env python3
"""Charm of the application half of the Anbox Management Service.

Every event runs the same steps: install AMS, configure it, and set the registry of the relation, or
none.
"""

from dataclasses import dataclass, field
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
from charms.aar.v0.program_charm import Blocked, ProgramCharm, Step, Waiting, host_and_port
from charms.grafana_agent.v0.cos_agent import COSAgentProvider
from management import ManagementService

ENDPOINTS = {"registry-client": CLIENT, "registry-publisher": PUBLISHER}
ALERT_RULES = Path(__file__).parent / "prometheus_alert_rules"
REGISTRY_MODES = {CLIENT: "pull", PUBLISHER: "push"}
# The id of a relation that was removed.
REMOVED = -1


@dataclass
class RegistryUnits:
    """The first unit of a registry with valid data, and the problems of the others."""

    registry: RegistryData | None = None
    problems: list[str] = field(default_factory=list)


class AmsCharm(ProgramCharm):
    """A unit that runs AMS."""

    def __init__(self, framework: ops.Framework) -> None:
        self.ams = ManagementService()
        super().__init__(framework, self.ams)
        # The certificates that were added for a registry, and the id of the relation that AMS is
        # configured for. Older versions stored one `fingerprint`.
        self._stored.set_default(fingerprints=[], relation=None, fingerprint="")
        self._migrate_stored_fingerprint()
        self.observability = self._observability()
        self.observe(ENDPOINTS)
        framework.observe(self.on.add_certificate_action, self._on_add_certificate)
        framework.observe(self.on.registry_sync_action, self._on_registry_sync)
        framework.observe(self.on.registry_status_action, self._on_registry_status)

    def _migrate_stored_fingerprint(self) -> None:
        if self._stored.fingerprint:
            self._stored.fingerprints = [str(self._stored.fingerprint)]
            self._stored.relation = next((relation.id for relation in self._related()), REMOVED)
            self._stored.fingerprint = ""

    def _observability(self) -> COSAgentProvider:
        # The default is in /tmp, where other users could place files that root executes.
        configure_cache(self.charm_dir / ".cos-tool-cache")
        port = int(self.config["prometheus_target_port"])
        return COSAgentProvider(
            self,
            metrics_endpoints=[{"path": "/metrics", "port": port}],
            metrics_rules_dir=str(ALERT_RULES),
            # An upgrade may change the rules.
            refresh_events=[self.on.config_changed, self.on.upgrade_charm],
        )

    def steps(self) -> list[Step]:
        """Return the steps that every event runs, in this order."""
        return [self.install, self._configure, self._check_response, self._apply_relation]

    def _configure(self, _event: ops.EventBase) -> None:
        port = self.port()
        self.ams.configure(self._settings(port))
        self.unit.set_ports(port)

    def _check_response(self, _event: ops.EventBase) -> None:
        self.ams.require_response()

    def _settings(self, port: int) -> dict[str, Any]:
        [host] = self.bound_addresses(["registry-client"])
        metrics = host_and_port("127.0.0.1", self.port("prometheus_target_port"))
        return {
            "listen-address": host_and_port(host, port),
            "logger": {"level": str(self.config["log_level"])},
            "metrics": {"prometheus": {"listen-address": metrics}},
        }

    def _apply_relation(self, event: ops.EventBase) -> None:
        related = self._related()
        if self._stored.relation not in [relation.id for relation in related]:
            self._forget_registry()
        if len(related) > 1:
            raise Blocked("an AMS is a client or a publisher of one registry: remove a relation")
        for relation in related:
            self._use_relation(relation, event)

    def _related(self) -> list[ops.Relation]:
        return [relation for endpoint in ENDPOINTS for relation in self.model.relations[endpoint]]

    def _use_relation(self, relation: ops.Relation, event: ops.EventBase) -> None:
        units = _registry_units(relation, event)
        if units.registry is None and not units.problems:
            self._forget_registry()
        self._publish_certificate(relation)
        if units.registry is not None:
            self._use_registry(relation, units.registry)
        if units.problems:
            raise Blocked("; ".join(units.problems))
        if units.registry is None:
            raise Waiting("waiting for the registry")

    def _publish_certificate(self, relation: ops.Relation) -> None:
        certificate = self.ams.registry_certificate()
        if certificate is None:
            # AMS creates it when it starts, and a former step checks that it runs.
            raise Blocked("registry/client.crt of AMS is missing: restart its snap to create one")
        AmsData(certificate, ENDPOINTS[relation.name]).write(relation.data[self.unit])

    def _use_registry(self, relation: ops.Relation, registry: RegistryData) -> None:
        self._stored.relation = relation.id
        if registry.fingerprint not in self.ams.trusted():
            # Recorded first: the command may fail after it has added the certificate.
            self._stored.fingerprints = [*self._managed(), registry.fingerprint]
            self.ams.trust(registry.certificate)
        # The mode comes first: a publisher must not pull.
        desired = {
            "registry.mode": REGISTRY_MODES[ENDPOINTS[relation.name]],
            "registry.fingerprint": registry.fingerprint,
            "registry.url": registry.url,
        }
        present = self.ams.config()
        for name, value in desired.items():
            if present.get(name) != value:
                self.ams.set_item(name, value)
        self._distrust_former(registry.fingerprint)

    def _forget_registry(self) -> None:
        """Unset the registry of a relation; a registry that an operator set stays."""
        if self._stored.relation is None:
            return
        self._distrust_former()
        self.ams.set_item("registry.url", "")
        self.ams.set_item("registry.fingerprint", "")
        self._stored.relation = None

    def _distrust_former(self, present: str = "") -> None:
        """Distrust every certificate that was added for a registry, except the present one."""
        former = [fingerprint for fingerprint in self._managed() if fingerprint != present]
        if former:
            for fingerprint in self.ams.trusted().intersection(former):
                self.ams.distrust(fingerprint)
        self._stored.fingerprints = [known for known in self._managed() if known not in former]

    def _managed(self) -> list[str]:
        return list(self._stored.fingerprints)  # type: ignore[call-overload]

    def _on_add_certificate(self, event: ops.ActionEvent) -> None:
        self.run_action(event, lambda: self.ams.trust(event.params["cert"]))

    def _on_registry_sync(self, event: ops.ActionEvent) -> None:
        confirm = bool(event.params.get("confirm-removals", False))
        self.run_action(event, lambda: self.ams.sync(confirm_removals=confirm))

    def _on_registry_status(self, event: ops.ActionEvent) -> None:
        self.run_action(event, self.ams.registry_status)


def _registry_units(relation: ops.Relation, event: ops.EventBase) -> RegistryUnits:
    """Read every unit, in numeric order, except the one that departs with this event."""
    departing = event.departing_unit if isinstance(event, ops.RelationDepartedEvent) else None
    result = RegistryUnits()
    for unit in sorted(relation.units, key=_number):
        try:
            data = None if unit == departing else RegistryData.read(relation.data[unit])
        except InvalidRelationDataError as error:
            result.problems.append(f"{unit.name}: {error}")
        else:
            result.registry = result.registry or data
    return result


def _number(unit: ops.Unit) -> int:
    return int(unit.name.rpartition("/")[2])


if __name__ == "__main__":
    ops.main(AmsCharm)
