"""The certificates of the related AMS units, and making the registry trust exactly those."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import ops

from charms.aar.v0.aar_interface import AmsData, InvalidRelationDataError
from charms.aar.v0.snap_program import ProgramError
from registry import Registry


@dataclass
class DesiredTrust:
    """The certificates of all relations, by fingerprint, and the problems of invalid ones."""

    units: dict[str, AmsData] = field(default_factory=dict)
    unit_names: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def desired_trust(relations: Iterable[ops.Relation], event: ops.EventBase) -> DesiredTrust:
    """Read every related unit except the one that departs with this event."""
    departing = event.departing_unit if isinstance(event, ops.RelationDepartedEvent) else None
    result = DesiredTrust()
    for relation in relations:
        units = (unit for unit in relation.units if unit != departing)
        for unit in sorted(units, key=lambda unit: unit.name):
            try:
                data = AmsData.read(relation.data[unit], relation.name)
                if data is not None:
                    _add(result, data, unit.name)
            except InvalidRelationDataError as error:
                result.problems.append(f"{unit.name}: {error}")
    return result


def withdraw(registry: Registry, desired: DesiredTrust, managed: Iterable[str]) -> list[str]:
    """Distrust managed certificates that no relation has any more; returns the remaining ones.

    `managed` are the fingerprints that were added for relations. Certificates that an operator
    added are not among them and do not change.
    """
    gone = [fingerprint for fingerprint in managed if fingerprint not in desired.units]
    if gone:
        present = {entry["Fingerprint"] for entry in registry.trusted()}
        for fingerprint in gone:
            if fingerprint in present:
                registry.distrust(fingerprint)
    return [fingerprint for fingerprint in managed if fingerprint not in gone]


def trust(registry: Registry, desired: DesiredTrust, managed: Iterable[str]) -> list[str]:
    """Trust the desired certificates; returns the managed fingerprints.

    A certificate that is already trusted is managed, or an operator added it.
    """
    present = {entry["Fingerprint"]: entry["Role"] for entry in registry.trusted()}
    added = []
    for fingerprint, data in desired.units.items():
        if present.get(fingerprint) == data.mode:
            continue
        # Recorded even if the command fails: it may succeed after its time limit.
        added.append(fingerprint)
        try:
            registry.trust(data.certificate, data.mode)
        except ProgramError as error:
            desired.problems.append(f"{desired.unit_names[fingerprint]}: {error}")
    return sorted({*managed, *added})


def _add(result: DesiredTrust, data: AmsData, unit_name: str) -> None:
    known = result.units.setdefault(data.fingerprint, data)
    if known.mode != data.mode:
        raise InvalidRelationDataError("an AMS is a client or a publisher, not both")
    result.unit_names.setdefault(data.fingerprint, unit_name)
