"""The charms with real programs that do not start, do not respond or fail."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ports
import pytest
import yaml
from machines import (
    PROGRAMS,
    Juju,
    Machine,
    by_id,
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
def used_port() -> Iterator[int]:
    """A port on which another process listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_former_storage_is_restored_when_the_registry_does_not_start(
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
    assert status.message.endswith("the former files were restored")
    assert (registry.base / "conf/main.yaml").read_text() == before
    assert registry.is_running

    # The rejected configuration is not tried again, and trust is withdrawn all the same.
    restarts = registry.restarts
    assert registry.update_status() == status
    assert registry.restarts == restarts
    juju.remove_relation(publisher, number)
    assert registry.trusted() == []
    assert registry.configure(storage_config="") == ActiveStatus()
    assert registry.restarts == restarts


def test_empty_registry_moves_to_the_configured_storage(aar_charm: Any, tmp_path: Path) -> None:
    base, elsewhere = tmp_path / "r", tmp_path / "elsewhere"
    base.mkdir()
    text = f"""{{
  "storage": {{
    "fs": {{"root-directory": "{elsewhere}"}}
  }}
}}"""
    with Machine("aar", base, aar_charm, {"port": ports.reserve_port()}) as registry:
        _start_unconfigured(registry)
        assert registry.configure(storage_config=text) == ActiveStatus()
        assert (elsewhere / "registry.json").exists()
        # An empty registry moves again when the option changes.
        assert registry.configure(storage_config="") == ActiveStatus()
        assert yaml.safe_load((base / "conf/main.yaml").read_text())["storage"] == {
            "fs": {"root-directory": str(base / "data")}
        }
        registry.stop()


def test_port_in_use_blocks_and_the_former_port_stays_published(
    machines: Machines, used_port: int
) -> None:
    registry, publisher, client = machines
    for machine in (registry, publisher):
        status = machine.configure(port=used_port)
        assert isinstance(status, BlockedStatus)
        assert f"cannot listen on 127.0.0.1:{used_port}" in status.message
        assert machine.is_running
    Juju(registry).relate(client, "client")
    assert client.update_status() == ActiveStatus()
    published = by_id(registry.state, 1).local_unit_data
    file = yaml.safe_load((registry.base / "conf/main.yaml").read_text())
    assert file["http"]["addr"] == f"127.0.0.1:{published['port']}" != f"127.0.0.1:{used_port}"


def test_rejected_settings_are_named_and_ams_keeps_running(machines: Machines) -> None:
    _, ams, _ = machines
    restarts = ams.restarts
    status = ams.configure(log_level="loud")
    assert isinstance(status, BlockedStatus)
    # The message is the program's, with the name of the option instead of the file and key.
    option, _, reason = status.message.partition(": ")
    assert option == "log_level"
    assert "loud" in reason
    assert "settings.yaml" not in reason
    assert ams.restarts == restarts
    assert ams.configure(log_level="debug") == ActiveStatus()
    assert ams.restarts == restarts + 1


def test_stopped_service_blocks_until_it_runs(machines: Machines) -> None:
    registry, ams, _ = machines
    for machine, reason in ((registry, "the registry does not respond"), (ams, "cannot reach")):
        machine.stop()
        status = machine.update_status()
        assert isinstance(status, BlockedStatus)
        assert reason in status.message
        machine.restart()
        machine.wait_until_active()


def test_unhealthy_registry_blocks_with_its_reason(machines: Machines) -> None:
    registry, _, _ = machines
    id_file = registry.base / "data/registry.json"
    id_file.rename(id_file.with_name("elsewhere"))
    registry.wait_until_status(
        BlockedStatus("the registry is unhealthy: the storage is not the one of this registry")
    )
    id_file.with_name("elsewhere").rename(id_file)
    registry.wait_until_active()


def test_trust_of_a_removed_relation_is_withdrawn_without_storage(machines: Machines) -> None:
    registry, publisher, client = machines
    juju = Juju(registry)
    number = juju.relate(publisher, "publisher")
    juju.relate(client, "client")
    assert len(registry.trusted()) == 2
    data = registry.base / "data"
    data.rename(data.with_name("moved"))
    data.write_text("not a folder")
    juju.remove_relation(publisher, number)
    assert len(registry.trusted()) == 1
    data.unlink()
    data.with_name("moved").rename(data)
    registry.wait_until_active()
    assert len(registry.trusted()) == 1


@pytest.mark.parametrize("content", ["", "garbage", "-----BEGIN CERTIFICATE-----\nMII\n"])
def test_damaged_registry_certificate_blocks_and_is_not_published(
    content: str, machines: Machines
) -> None:
    registry, _, client = machines
    Juju(registry).relate(client, "client")
    published = by_id(registry.state, 1).local_unit_data
    (registry.base / "certs/server.crt").write_text(content)
    status = registry.update_status()
    assert isinstance(status, BlockedStatus)
    assert status.message.endswith("certs/server.crt: the certificate is not PEM")
    assert by_id(registry.state, 1).local_unit_data == published


def test_certificate_that_is_not_served_yet_is_not_published(
    machines: Machines,
) -> None:
    registry, other, client = machines
    Juju(registry).relate(client, "client")
    published = by_id(registry.state, 1).local_unit_data
    certificate = (registry.base / "certs/server.crt").read_text()
    text = "Certificate:\n    Data: the output of openssl\n" + certificate
    (registry.base / "certs/server.crt").write_text(text)
    assert registry.update_status() == ActiveStatus()

    shutil.copy(other.base / "server/server.crt", registry.base / "certs/server.crt")
    shutil.copy(other.base / "server/server.key", registry.base / "certs/server.key")
    assert registry.update_status() == BlockedStatus(
        "the registry does not present certs/server.crt: restart it"
    )
    assert by_id(registry.state, 1).local_unit_data == published
    registry.restart()
    registry.wait_until_active()
    now = by_id(registry.state, 1).local_unit_data["fingerprint"]
    assert now == fingerprint((other.base / "server/server.crt").read_text())


def test_new_ams_certificate_reaches_the_registry(machines: Machines) -> None:
    registry, _, client = machines
    juju = Juju(registry)
    number = juju.relate(client, "client")
    [before] = registry.trusted()
    client.stop()
    for file in ("client.crt", "client.key"):
        (client.base / "registry" / file).unlink()
    client.restart()
    client.wait_until_active()
    juju.exchange_data(client, number)
    [after] = registry.trusted()
    assert after["Fingerprint"] != before["Fingerprint"]
    assert after["Fingerprint"] == fingerprint((client.base / "registry/client.crt").read_text())


def test_actions_return_the_output_of_the_programs(machines: Machines, tmp_path: Path) -> None:
    registry, publisher, client = machines
    juju = Juju(registry)
    juju.relate(publisher, "publisher")
    juju.relate(client, "client")
    publisher.amc("application", "create", str(new_package(tmp_path)))
    until(client.has_application, "the application to arrive at the client")
    for machine in (publisher, client):
        assert machine.run_action("registry-sync") == {"result": "nothing to do\n"}
    assert json.loads(registry.run_action("list-trusted")["result"])
    assert "blobs: 1\n" in registry.run_action("storage-verify")["result"]

    [image] = (path for path in (registry.base / "data/blobs").rglob("*") if path.is_file())
    image.chmod(0o600)
    image.write_bytes(image.read_bytes()[::-1])
    with pytest.raises(testing.ActionFailed):
        registry.run_action("storage-verify")
    results = registry.context.action_results
    assert results is not None
    assert yaml.safe_load(results["result"])["corrupt"]
    assert "aar storage verify --repair" in results["notes"]


def _holds_images(registry: Machine) -> bool:
    command = [PROGRAMS["aar"], "--base-dir", registry.base, "status", "--format", "json"]
    completed = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(completed.stdout)["blobs"] > 0


def _start_unconfigured(registry: Machine) -> None:
    """Start the registry before the charm configures it, as snapd does.

    Only the port is set, because the default may be in use.
    """
    file = registry.base / "conf/main.yaml"
    file.parent.mkdir()
    file.write_text(f"http: {{addr: '127.0.0.1:{registry.state.config['port']}'}}\n")
    registry.restart()
    until((registry.base / "data/registry.json").exists, "the registry to create its storage")
    registry.stop()
    file.unlink()
