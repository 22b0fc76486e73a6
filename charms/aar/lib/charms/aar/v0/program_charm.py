"""What the charms of programs in snaps have in common: every event leads to the same steps.

Each step is attempted, whatever became of those before it. The first that somebody has to do
something for gives the unit its status, else the first that waits.
"""

import logging
from collections.abc import Callable, Iterable

import ops

from charms.aar.v0.aar_interface import InvalidRelationDataError
from charms.aar.v0.snap_program import Output, ProgramError, SnapProgram, attached_snap

logger = logging.getLogger(__name__)

LIBID = "c4e2b8b1f6a94a0f9f3a7d8e5b1c6d24"
LIBAPI = 0
LIBPATCH = 1


class Blocked(Exception):  # noqa: N818 - a state, not an error
    """Somebody has to do something; the message says what."""


class Waiting(Exception):  # noqa: N818 - a state, not an error
    """It passes by itself; the message says what is missing."""


Step = Callable[[ops.EventBase], None]


class ProgramCharm(ops.CharmBase):
    """A program of a snap, as a unit."""

    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework, program: SnapProgram) -> None:
        super().__init__(framework)
        self._program = program
        # The snap that was asked for.
        self._stored.set_default(asked="")

    def observe(self, endpoints: Iterable[str], others: Iterable[ops.BoundEvent] = ()) -> None:
        """Have every event of the unit, of these endpoints and of others lead to the steps."""
        on = self.on
        events = [on.install, on.upgrade_charm, on.start, on.config_changed, on.update_status]
        for endpoint in endpoints:
            relation = on[endpoint]
            events += [relation.relation_joined, relation.relation_changed]
            events += [relation.relation_departed, relation.relation_broken]
        for event in [*events, *others]:
            self.framework.observe(event, self._on_any_event)

    def steps(self) -> list[Step]:
        """What every event leads to, in this order."""
        raise NotImplementedError

    def _on_any_event(self, event: ops.EventBase) -> None:
        self.unit.status = ops.MaintenanceStatus(f"configuring {self._program.title}")
        found = [status for step in self.steps() if (status := self._attempt(step, event))]
        blocked = [status for status in found if isinstance(status, ops.BlockedStatus)]
        self.unit.status = (blocked or found or [ops.ActiveStatus()])[0]

    def _attempt(self, step: Step, event: ops.EventBase) -> ops.StatusBase | None:
        """Do a step; returns the status that it ends in, if it cannot be done."""
        try:
            step(event)
        except Waiting as reason:
            return ops.WaitingStatus(str(reason))
        except (Blocked, InvalidRelationDataError, ProgramError) as reason:
            logger.error("%s", reason)
            return ops.BlockedStatus(str(reason))
        return None

    def install(self, _event: ops.EventBase) -> None:
        """Install the snap that is asked for."""
        revision, former = str(self.config["snap_revision"]), str(self._stored.asked)
        self._stored.asked = self._program.install(revision, former, attached_snap(self.model))
        self.unit.set_workload_version(self._program.version())

    def port(self, option: str = "port") -> int:
        """The port that an option names."""
        port = int(self.config[option])
        if not 0 < port < 65536:
            raise Blocked(f"{option}: {port} is not a port, which is from 1 to 65535")
        return port

    def bound_addresses(self, endpoints: Iterable[str]) -> list[str]:
        """The address of this unit for each of these endpoints, each of them once.

        Where `public_interface` is set, it is the one of that interface.
        """
        networks = [self.network(endpoint) for endpoint in endpoints]
        interface = str(self.config["public_interface"])
        if interface:
            return [_address_of(interface, networks)]
        addresses = [str(network.bind_address) for network in networks if network.bind_address]
        if not addresses:
            raise Blocked("Juju has no address for this unit")
        return list(dict.fromkeys(addresses))

    def network(self, endpoint: str | ops.Relation) -> ops.Network:
        """The network of an endpoint, or of a relation where that one has its own."""
        binding = self.model.get_binding(endpoint)
        if binding is None:
            raise Blocked("Juju has no address for this unit")
        return binding.network

    def act(self, event: ops.ActionEvent, action: Callable[[], Output]) -> None:
        """Answer an action with what a command printed, also where it failed."""
        try:
            output = action()
        except ProgramError as error:
            event.set_results(_printed(error.output))
            event.fail(str(error))
        else:
            event.set_results(_printed(output))


def host_and_port(host: str, port: int) -> str:
    """An address to listen on; without a host, every one of the machine."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address_of(interface: str, networks: list[ops.Network]) -> str:
    found = (candidate for network in networks for candidate in network.interfaces)
    for candidate in found:
        if candidate.name == interface and candidate.address:
            return str(candidate.address)
    raise Blocked(f"public_interface: there is no interface {interface} with an address")


def _printed(output: Output) -> dict[str, str]:
    """What a command says beside its result is the result where it has no other."""
    if output.result and output.notes:
        return {"result": output.result, "notes": output.notes}
    return {"result": output.result or output.notes}
