"""Both charms with the real programs, until an application arrives."""

import dataclasses
import json
import re
import shutil
import urllib.request
from pathlib import Path

from machines import Juju, Machine, by_id, machines, needs_programs, new_package, until
from ops import testing
from signer import Signer

from charms.aar.v0.aar_interface import fingerprint

__all__ = ["machines"]

pytestmark = needs_programs


def test_application_arrives_after_relating_the_charms(
    machines: tuple[Machine, Machine, Machine], tmp_path: Path
) -> None:
    registry, publisher, client = machines
    juju = Juju(registry)
    juju.relate(publisher, "publisher")
    number = juju.relate(client, "client")
    for machine in machines:
        machine.wait_until_active()

    publisher.amc("application", "create", str(new_package(tmp_path)))
    until(client.has_application, "the application to arrive at the client")

    # Removing the relation removes trust, URL and fingerprint.
    trusted = registry.trusted()
    juju.remove_relation(client, number)
    assert len(registry.trusted()) == len(trusted) - 1 == 1
    config = client.config()
    assert config["registry.url"] == ""
    assert json.loads(client.amc("config", "trust", "list", "--format", "json")) == []


def test_scrape_job_reads_the_metrics_of_ams(
    machines: tuple[Machine, Machine, Machine],
) -> None:
    _, _, ams = machines
    relation = testing.Relation("cos-agent", id=98, remote_app_name="agent")
    ams.state = dataclasses.replace(ams.state, relations=[relation])
    ams.run(lambda context, _: context.on.relation_joined(relation, remote_unit=0))
    offered = json.loads(by_id(ams.state, 98).local_unit_data["config"])
    [job] = offered["metrics_scrape_jobs"]
    [target] = job["static_configs"][0]["targets"]
    with urllib.request.urlopen(f"http://{target}{job['metrics_path']}") as response:
        metrics_text = response.read().decode()
    alerts = offered["metrics_alert_rules"]["groups"]
    own = [rule for group in alerts for rule in group["rules"] if rule["alert"].startswith("Ams")]
    metrics = {name for rule in own for name in re.findall(r"ams_\w+", rule["expr"])}
    # The metrics of the last round exist after the first round.
    metrics = {name for name in metrics if "last_round" not in name}
    assert metrics
    assert {name for name in metrics if f"\n{name} " not in metrics_text} == set()


def test_renewed_registry_certificate_reaches_the_clients(
    machines: tuple[Machine, Machine, Machine], tmp_path: Path
) -> None:
    registry, publisher, client = machines
    juju = Juju(registry)
    numbers = [juju.relate(publisher, "publisher"), juju.relate(client, "client")]
    before = client.amc("config", "show")

    shutil.rmtree(registry.base / "certs")
    registry.restart()
    registry.wait_until_active()
    for machine, number in zip((publisher, client), numbers, strict=True):
        juju.exchange_data(machine, number)

    assert client.amc("config", "show") != before
    publisher.amc("application", "create", str(new_package(tmp_path)))
    until(client.has_application, "the application to arrive at the client")


def test_certificate_of_an_authority_reaches_the_clients(
    machines: tuple[Machine, Machine, Machine], tmp_path: Path
) -> None:
    registry, publisher, client = machines
    juju, signer = Juju(registry), Signer()
    numbers = [juju.relate(publisher, "publisher"), juju.relate(client, "client")]
    relation = signer.relation(99)
    registry.state = dataclasses.replace(
        registry.state, relations=[*registry.state.relations, relation]
    )
    registry.run(lambda context, _: context.on.config_changed())
    granted = signer.grant(by_id(registry.state, 99))
    others = [r for r in registry.state.relations if r.id != 99]
    registry.state = dataclasses.replace(registry.state, relations=[*others, granted])
    registry.run(lambda context, _: context.on.relation_changed(granted))
    registry.wait_until_active()
    for machine, number in zip((publisher, client), numbers, strict=True):
        juju.exchange_data(machine, number)

    # The programs use the issued key and chain, and pin the certificate.
    certificate = (registry.base / "certs/server.crt").read_text()
    assert signer.certificate.raw.strip() in certificate
    config = client.config()
    assert config["registry.fingerprint"] == fingerprint(certificate)
    publisher.amc("application", "create", str(new_package(tmp_path)))
    until(client.has_application, "the application to arrive at the client")
