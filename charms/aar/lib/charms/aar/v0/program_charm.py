"""The base of the charms: every event runs the same steps.

Each step runs even if a former one failed. The unit gets the status of the first blocked step, else
that of the first waiting one.
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
    """An operator has to act; the message says how."""


class Waiting(Exception):  # noqa: N818 - a state, not an error
    """Something is still missing that will arrive; the message says what."""


Step = Callable[[ops.EventBase], None]


class ProgramCharm(ops.CharmBase):
    """A unit that runs a program of a snap."""

    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework, program: SnapProgram) -> None:
        super().__init__(framework)
        self._program = program
        # The snap that was requested last: a revision or a digest.
        self._stored.set_default(asked="")

    def observe(self, endpoints: Iterable[str], others: Iterable[ops.BoundEvent] = ()) -> None:
        """Run the steps at every event of the unit, of these endpoints and of others."""
        on = self.on
        events = [on.install, on.upgrade_charm, on.start, on.config_changed, on.update_status]
        for endpoint in endpoints:
            relation = on[endpoint]
            events += [relation.relation_joined, relation.relation_changed]
            events += [relation.relation_departed, relation.relation_broken]
        for event in [*events, *others]:
            self.framework.observe(event, self._on_any_event)

    def steps(self) -> list[Step]:
        """Return the steps that every event runs, in this order."""
        raise NotImplementedError

    def _on_any_event(self, event: ops.EventBase) -> None:
        self.unit.status = ops.MaintenanceStatus(f"configuring {self._program.title}")
        failures = [status for step in self.steps() if (status := self._run_step(step, event))]
        blocked = [status for status in failures if isinstance(status, ops.BlockedStatus)]
        self.unit.status = (blocked or failures or [ops.ActiveStatus()])[0]

    def _run_step(self, step: Step, event: ops.EventBase) -> ops.StatusBase | None:
        """Run a step; returns the status of a failure."""
        try:
            step(event)
        except Waiting as reason:
            return ops.WaitingStatus(str(reason))
        except (Blocked, InvalidRelationDataError, ProgramError) as reason:
            logger.error("%s", reason)
            return ops.BlockedStatus(str(reason))
        return None

    def install(self, _event: ops.EventBase) -> None:
        """Install the requested snap."""
        revision, former = str(self.config["snap_revision"]), str(self._stored.asked)
        self._stored.asked = self._program.install(
            revision, former, attached_snap(self.model, self._program.name)
        )
        self.unit.set_workload_version(self._program.version())

    def port(self, option: str = "port") -> int:
        """Return the port of an option."""
        port = int(self.config[option])
        if not 0 < port < 65536:
            raise Blocked(f"{option}: {port} is not a port from 1 to 65535")
        return port

    def bound_addresses(self, endpoints: Iterable[str]) -> list[str]:
        """Return the distinct addresses of this unit for these endpoints.

        If `public_interface` is set, return the address of that interface.
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
        """Return the network of an endpoint or of a relation."""
        binding = self.model.get_binding(endpoint)
        if binding is None:
            raise Blocked("Juju has no address for this unit")
        return binding.network

    def run_action(self, event: ops.ActionEvent, action: Callable[[], Output]) -> None:
        """Set the output of a command as results of an action, also if the command failed."""
        try:
            output = action()
        except ProgramError as error:
            event.set_results(_results(error.output))
            event.fail(str(error))
        else:
            event.set_results(_results(output))


def host_and_port(host: str, port: int) -> str:
    """Return a listen address; without a host, it is every address of the machine."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address_of(interface: str, networks: list[ops.Network]) -> str:
    candidates = (candidate for network in networks for candidate in network.interfaces)
    for candidate in candidates:
        if candidate.name == interface and candidate.address:
            return str(candidate.address)
    raise Blocked(f"public_interface: the interface {interface} does not exist or has no address")


def _results(output: Output) -> dict[str, str]:
    """Return standard output as result, or standard error if there is no other."""
    if output.result and output.notes:
        return {"result": output.result, "notes": output.notes}
    return {"result": output.result or output.notes}
