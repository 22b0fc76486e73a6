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
    # Who brings them.
    names: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)


def wanted(relations: Iterable[ops.Relation], event: ops.EventBase) -> Wanted:
    """Read every related unit but the one that this very event says is leaving."""
    leaving = event.departing_unit if isinstance(event, ops.RelationDepartedEvent) else None
    result = Wanted()
    for relation in relations:
        units = (unit for unit in relation.units if unit != leaving)
        for unit in sorted(units, key=lambda unit: unit.name):
            try:
                data = AmsData.read(relation.data[unit], relation.name)
                if data is not None:
                    _want(result, data, unit.name)
            except InvalidRelationDataError as error:
                result.complaints.append(f"{unit.name}: {error}")
    return result


def withdraw(registry: Registry, wish: Wanted, managed: Iterable[str]) -> list[str]:
    """Distrust what was trusted for a relation that no longer wants it; returns the others.

    `managed` are the fingerprints that were added for relations. Certificates that somebody added
    by hand are not among them and stay as they are.
    """
    gone = [fingerprint for fingerprint in managed if fingerprint not in wish.units]
    if gone:
        present = {entry["Fingerprint"] for entry in registry.trusted()}
        for fingerprint in gone:
            if fingerprint in present:
                registry.distrust(fingerprint)
    return [fingerprint for fingerprint in managed if fingerprint not in gone]


def trust(registry: Registry, wish: Wanted, managed: Iterable[str]) -> list[str]:
    """Trust what is wanted; returns what is managed then.

    What is trusted already was added by hand, or is managed.
    """
    present = {entry["Fingerprint"]: entry["Role"] for entry in registry.trusted()}
    added = []
    for fingerprint, data in wish.units.items():
        if present.get(fingerprint) == data.mode:
            continue
        # Noted whatever comes of it: an answer that is late may be good news.
        added.append(fingerprint)
        try:
            registry.trust(data.certificate, data.mode)
        except ProgramError as error:
            wish.complaints.append(f"{wish.names[fingerprint]}: {error}")
    return sorted({*managed, *added})


def _want(result: Wanted, data: AmsData, name: str) -> None:
    known = result.units.setdefault(data.fingerprint, data)
    if known.mode != data.mode:
        raise InvalidRelationDataError("an AMS is a client or a publisher, not both")
    result.names.setdefault(data.fingerprint, name)
