"""What the related AMS units ask for, and making the registry trust exactly that."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import ops

from charms.aar.v0.aar_interface import AmsData, InvalidRelationDataError
from charms.aar.v0.snap_program import ProgramError
from registry import Registry


@dataclass
class Wanted:
    """The certificates that relations bring, by fingerprint, and what is wrong with others."""

    units: dict[str, AmsData] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


def wanted(relations: Iterable[ops.Relation], event: ops.EventBase) -> Wanted:
    """Read every related unit but those that this very event says are leaving."""
    result = Wanted()
    for relation in relations:
        for unit in _staying(relation, event):
            try:
                data = AmsData.read(relation.data[unit], relation.name)
                if data is not None:
                    _want(result, data)
            except InvalidRelationDataError as error:
                result.complaints.append(f"{unit.name}: {error}")
    return result


def apply(registry: Registry, wish: Wanted, managed: Iterable[str]) -> list[str]:
    """Trust what is wanted; distrust what was trusted for a relation that no longer wants it.

    `managed` are the fingerprints that relations brought before; returns those they brought now.
    Certificates that somebody added by hand are in neither and stay as they are.
    """
    present = {entry["Fingerprint"]: entry["Role"] for entry in registry.trusted()}
    kept = []
    for fingerprint, data in wish.units.items():
        try:
            if present.get(fingerprint) != data.mode:
                registry.trust(data.certificate, data.mode)
            kept.append(fingerprint)
        except ProgramError as error:
            wish.complaints.append(str(error))
    for fingerprint in managed:
        if fingerprint not in wish.units and fingerprint in present:
            registry.distrust(fingerprint)
    return sorted(kept)


def _staying(relation: ops.Relation, event: ops.EventBase) -> list[ops.Unit]:
    if isinstance(event, ops.RelationBrokenEvent) and event.relation.id == relation.id:
        return []
    leaving = event.departing_unit if isinstance(event, ops.RelationDepartedEvent) else None
    return sorted((unit for unit in relation.units if unit != leaving), key=lambda unit: unit.name)


def _want(result: Wanted, data: AmsData) -> None:
    known = result.units.setdefault(data.fingerprint, data)
    if known.mode != data.mode:
        raise InvalidRelationDataError("an AMS is a client or a publisher, not both")
