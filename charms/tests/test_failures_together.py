"""What the charms make of real programs that do not start, do not answer or fail."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from machines import (
    PROGRAMS,
    Juju,
    Machine,
    by_id,
    free_port,
    machines,
    needs_programs,
    new_package,
    until,
)
from ops import testing
from ops.testing import ActiveStatus, BlockedStatus

from charms.aar.v0.aar_interface import fingerprint

__all__ = ["machines"]

pytestmark = needs_programs

Machines = tuple[Machine, Machine, Machine]


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port at which somebody else listens."""
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        yield somebody.getsockname()[1]


def test_a_storage_that_the_registry_does_not_start_with_gives_way_to_the_former_one(
    machines: Machines, tmp_path: Path
) -> None:
    registry, publisher, _ = machines
    juju = Juju(registry)
    number = juju.relate(publisher, "publisher")
    publisher.amc("application", "create", str(new_package(tmp_path)))
    until(lambda: _holds_images(registry), "the image to arrive")
    before = (registry.base / "conf/main.yaml").read_text()

    bad = f"storage: {{fs: {{root-directory: {tmp_path / 'elsewhere'}}}}}"
    status = registry.configure(storage_config=bad)
    assert isinstance(status, BlockedStatus)
    assert "the storage has no registry.json" in status.message
    assert status.message.endswith("it has got back what it ran with before")
    assert (registry.base / "conf/main.yaml").read_text() == before
    assert registry.runs

    # It is not stopped again and again for what did not work; trust goes all the same.
    restarts = registry.restarts
    assert registry.look() == status
    assert registry.restarts == restarts
    juju.separate(publisher, number)
    assert registry.trusted() == []
    assert registry.configure(storage_config="") == ActiveStatus()
    assert registry.restarts == restarts


def test_a_registry_that_holds_nothing_begins_where_it_is_told_to(
    aar_charm: Any, tmp_path: Path
) -> None:
    base, elsewhere = tmp_path / "r", tmp_path / "elsewhere"
    base.mkdir()
    registry = Machine("aar", base, aar_charm, {"port": free_port()})
    _start_unconfigured(registry)
    text = f"""{{
  "storage": {{
    "fs": {{"root-directory": "{elsewhere}"}}
  }}
}}"""
    try:
        assert registry.configure(storage_config=text) == ActiveStatus()
        assert (elsewhere / "registry.json").exists()
        # So it does with a relation that comes later, until it holds something.
        assert registry.configure(storage_config="") == ActiveStatus()
        assert yaml.safe_load((base / "conf/main.yaml").read_text())["storage"] == {
            "fs": {"root-directory": str(base / "data")}
        }
    finally:
        registry.stop()


def test_a_port_that_is_taken_blocks_and_the_former_one_is_told_on(
    machines: Machines, taken_port: int
) -> None:
    registry, publisher, client = machines
    for machine in (registry, publisher):
        status = machine.configure(port=taken_port)
        assert isinstance(status, BlockedStatus)
        assert f"cannot listen on 127.0.0.1:{taken_port}" in status.message
        assert machine.runs
    Juju(registry).relate(client, "client")
    assert client.look() == ActiveStatus()
    told = by_id(registry.state, 1).local_unit_data
    file = yaml.safe_load((registry.base / "conf/main.yaml").read_text())
    assert file["http"]["addr"] == f"127.0.0.1:{told['port']}" != f"127.0.0.1:{taken_port}"


def test_settings_that_ams_does_not_take_are_named_and_stop_nothing(machines: Machines) -> None:
    _, ams, _ = machines
    restarts = ams.restarts
    status = ams.configure(log_level="loud")
    assert isinstance(status, BlockedStatus)
    # The sentence is the program's; what it is about is told in the charm's words.
    option, _, complaint = status.message.partition(": ")
    assert option == "log_level"
    assert "loud" in complaint
    assert "settings.yaml" not in complaint
    assert ams.restarts == restarts
    assert ams.configure(log_level="debug") == ActiveStatus()
    assert ams.restarts == restarts + 1


def test_a_service_that_does_not_run_blocks_until_it_does(machines: Machines) -> None:
    registry, ams, _ = machines
    for machine, complaint in ((registry, "the registry does not answer"), (ams, "cannot reach")):
        machine.stop()
        status = machine.look()
        assert isinstance(status, BlockedStatus)
        assert complaint in status.message
        machine.restart()
        machine.settle()


def test_a_registry_that_is_not_well_blocks_with_what_it_says(machines: Machines) -> None:
    registry, _, _ = machines
    mark = registry.base / "data/registry.json"
    mark.rename(mark.with_name("elsewhere"))
    assert registry.look() == BlockedStatus(
        "the registry is not well: the storage is not the one of this registry"
    )
    mark.with_name("elsewhere").rename(mark)
    assert registry.look() == ActiveStatus()


def test_trust_ends_with_its_relation_while_the_storage_cannot_be_used(machines: Machines) -> None:
    registry, publisher, client = machines
    juju = Juju(registry)
    number = juju.relate(publisher, "publisher")
    juju.relate(client, "client")
    assert len(registry.trusted()) == 2
    data = registry.base / "data"
    data.rename(data.with_name("away"))
    data.write_text("in the way")
    juju.separate(publisher, number)
    assert len(registry.trusted()) == 1
    data.unlink()
    data.with_name("away").rename(data)
    assert registry.look() == ActiveStatus()
    assert len(registry.trusted()) == 1


@pytest.mark.parametrize("content", ["", "garbage", "-----BEGIN CERTIFICATE-----\nMII\n"])
def test_a_certificate_that_is_damaged_blocks_and_is_told_to_nobody(
    content: str, machines: Machines
) -> None:
    registry, _, client = machines
    Juju(registry).relate(client, "client")
    told = by_id(registry.state, 1).local_unit_data
    (registry.base / "certs/server.crt").write_text(content)
    status = registry.look()
    assert isinstance(status, BlockedStatus)
    assert status.message.endswith("certs/server.crt: the certificate is not PEM")
    assert by_id(registry.state, 1).local_unit_data == told


def test_a_certificate_that_nobody_is_shown_yet_is_not_told_to_anybody(
    machines: Machines,
) -> None:
    registry, other, client = machines
    Juju(registry).relate(client, "client")
    told = by_id(registry.state, 1).local_unit_data
    shown = (registry.base / "certs/server.crt").read_text()
    text = "Certificate:\n    Data: what openssl says of it\n" + shown
    (registry.base / "certs/server.crt").write_text(text)
    assert registry.look() == ActiveStatus()

    shutil.copy(other.base / "server/server.crt", registry.base / "certs/server.crt")
    shutil.copy(other.base / "server/server.key", registry.base / "certs/server.key")
    assert registry.look() == BlockedStatus(
        "the registry does not show certs/server.crt: restart it"
    )
    assert by_id(registry.state, 1).local_unit_data == told
    registry.restart()
    registry.settle()
    now = by_id(registry.state, 1).local_unit_data["fingerprint"]
    assert now == fingerprint((other.base / "server/server.crt").read_text())


def test_an_ams_that_has_a_new_certificate_tells_the_registry(machines: Machines) -> None:
    registry, _, client = machines
    juju = Juju(registry)
    number = juju.relate(client, "client")
    [before] = registry.trusted()
    client.stop()
    for file in ("client.crt", "client.key"):
        (client.base / "registry" / file).unlink()
    client.restart()
    client.settle()
    juju.carry(client, number)
    [now] = registry.trusted()
    assert now["Fingerprint"] != before["Fingerprint"]
    assert now["Fingerprint"] == fingerprint((client.base / "registry/client.crt").read_text())


def test_actions_tell_what_the_programs_did(machines: Machines, tmp_path: Path) -> None:
    registry, publisher, client = machines
    juju = Juju(registry)
    juju.relate(publisher, "publisher")
    juju.relate(client, "client")
    publisher.amc("application", "create", str(new_package(tmp_path)))
    until(client.offers, "the application to arrive at the client")
    for machine in (publisher, client):
        assert machine.act("registry-sync") == {"result": "nothing to do\n"}
    assert json.loads(registry.act("list-trusted")["result"])
    assert "blobs: 1\n" in registry.act("storage-verify")["result"]

    [image] = (path for path in (registry.base / "data/blobs").rglob("*") if path.is_file())
    image.chmod(0o600)
    image.write_bytes(image.read_bytes()[::-1])
    with pytest.raises(testing.ActionFailed):
        registry.act("storage-verify")
    results = registry.context.action_results
    assert results is not None
    assert yaml.safe_load(results["result"])["corrupt"]
    assert "aar storage verify --repair" in results["notes"]


def _holds_images(registry: Machine) -> bool:
    command = [PROGRAMS["aar"], "--base-dir", registry.base, "status", "--format", "json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["blobs"] > 0


def _start_unconfigured(registry: Machine) -> None:
    """Have the registry start before anybody could configure it, as snapd does.

    Only where it listens is not left to it, since others test here, too.
    """
    file = registry.base / "conf/main.yaml"
    file.parent.mkdir()
    file.write_text(f"http: {{addr: '127.0.0.1:{registry.state.config['port']}'}}\n")
    registry.restart()
    until((registry.base / "data/registry.json").exists, "the registry to begin")
    registry.stop()
    file.unlink()
