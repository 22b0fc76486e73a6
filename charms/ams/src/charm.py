#!/usr/bin/env python3
"""Charm of the application half of the Anbox Management Service.

Every event leads to the same steps: install, configure, and point AMS at the registry it is related
to, or at none.
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
# In place of the number of a relation that is gone.
GONE = -1


@dataclass
class Found:
    """The first unit of a registry that can be used, and what is wrong with others."""

    registry: RegistryData | None = None
    complaints: list[str] = field(default_factory=list)


class AmsCharm(ProgramCharm):
    """AMS, as a unit."""

    def __init__(self, framework: ops.Framework) -> None:
        self.ams = ManagementService()
        super().__init__(framework, self.ams)
        # The certificates that were added for a registry, and the number of the relation that AMS
        # is configured for. Former versions noted one `fingerprint`.
        self._stored.set_default(fingerprints=[], relation=None, fingerprint="")
        self._take_over_former_note()
        self.observability = self._observability()
        self.observe(ENDPOINTS)
        framework.observe(self.on.registry_sync_action, self._on_registry_sync)
        framework.observe(self.on.registry_status_action, self._on_registry_status)

    def _take_over_former_note(self) -> None:
        if self._stored.fingerprint:
            self._stored.fingerprints = [str(self._stored.fingerprint)]
            self._stored.relation = next((relation.id for relation in self._related()), GONE)
            self._stored.fingerprint = ""

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

    def steps(self) -> list[Step]:
        """What every event leads to, in this order."""
        return [self.install, self._configure, self._look, self._relate]

    def _configure(self, _event: ops.EventBase) -> None:
        port = self.port()
        self.ams.configure(self._settings(port))
        self.unit.set_ports(port)

    def _look(self, _event: ops.EventBase) -> None:
        self.ams.require_answer()

    def _settings(self, port: int) -> dict[str, Any]:
        [host] = self.bound_addresses(["registry-client"])
        metrics = host_and_port("127.0.0.1", self.port("prometheus_target_port"))
        return {
            "listen-address": host_and_port(host, port),
            "logger": {"level": str(self.config["log_level"])},
            "metrics": {"prometheus": {"listen-address": metrics}},
        }

    def _relate(self, event: ops.EventBase) -> None:
        related = self._related()
        if self._stored.relation not in [relation.id for relation in related]:
            self._forget_registry()
        if len(related) > 1:
            raise Blocked("an AMS is a client or a publisher of one registry: remove a relation")
        for relation in related:
            self._follow(relation, event)

    def _related(self) -> list[ops.Relation]:
        return [relation for endpoint in ENDPOINTS for relation in self.model.relations[endpoint]]

    def _follow(self, relation: ops.Relation, event: ops.EventBase) -> None:
        found = _registry(relation, event)
        if found.registry is None and not found.complaints:
            self._forget_registry()
        self._introduce(relation)
        if found.registry is not None:
            self._use_registry(relation, found.registry)
        if found.complaints:
            raise Blocked("; ".join(found.complaints))
        if found.registry is None:
            raise Waiting("waiting for the registry")

    def _introduce(self, relation: ops.Relation) -> None:
        certificate = self.ams.registry_certificate()
        if certificate is None:
            # AMS makes it when it starts, and is looked at before.
            raise Blocked("AMS has lost registry/client.crt: restart its snap, which makes one")
        AmsData(certificate, ENDPOINTS[relation.name]).write(relation.data[self.unit])

    def _use_registry(self, relation: ops.Relation, registry: RegistryData) -> None:
        self._stored.relation = relation.id
        if registry.fingerprint not in self.ams.trusted():
            # Noted first: whatever comes of it, somebody else did not add it.
            self._stored.fingerprints = [*self._managed(), registry.fingerprint]
            self.ams.trust(registry.certificate)
        # The mode first: an AMS that is to publish must not begin by pulling.
        wanted = {
            "registry.mode": REGISTRY_MODES[ENDPOINTS[relation.name]],
            "registry.fingerprint": registry.fingerprint,
            "registry.url": registry.url,
        }
        present = self.ams.config()
        for name, value in wanted.items():
            if present.get(name) != value:
                self.ams.set_item(name, value)
        self._withdraw(but=registry.fingerprint)

    def _forget_registry(self) -> None:
        """Have no registry of a relation any more; one that was set up by hand stays."""
        if self._stored.relation is None:
            return
        self._withdraw()
        self.ams.set_item("registry.url", "")
        self.ams.set_item("registry.fingerprint", "")
        self._stored.relation = None

    def _withdraw(self, but: str = "") -> None:
        """Take the certificates of former registries, and former ones of this, out."""
        gone = [fingerprint for fingerprint in self._managed() if fingerprint != but]
        if gone:
            for fingerprint in self.ams.trusted().intersection(gone):
                self.ams.distrust(fingerprint)
        self._stored.fingerprints = [known for known in self._managed() if known not in gone]

    def _managed(self) -> list[str]:
        return list(self._stored.fingerprints)  # type: ignore[call-overload]

    def _on_registry_sync(self, event: ops.ActionEvent) -> None:
        confirm = bool(event.params.get("confirm-removals", False))
        self.act(event, lambda: self.ams.sync(confirm_removals=confirm))

    def _on_registry_status(self, event: ops.ActionEvent) -> None:
        self.act(event, self.ams.registry_status)


def _registry(relation: ops.Relation, event: ops.EventBase) -> Found:
    """Read every unit but the one that this very event says is leaving, the lowest number first."""
    leaving = event.departing_unit if isinstance(event, ops.RelationDepartedEvent) else None
    found = Found()
    for unit in sorted(relation.units, key=_number):
        try:
            data = None if unit == leaving else RegistryData.read(relation.data[unit])
        except InvalidRelationDataError as error:
            found.complaints.append(f"{unit.name}: {error}")
        else:
            found.registry = found.registry or data
    return found


def _number(unit: ops.Unit) -> int:
    return int(unit.name.rpartition("/")[2])


if __name__ == "__main__":
    ops.main(AmsCharm)
