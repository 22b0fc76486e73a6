"""Where the charm `aar` has images kept when a relation brings a bucket."""

import dataclasses
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ops import testing
from ops.testing import ActiveStatus, BlockedStatus, WaitingStatus
from test_aar import Certificates, Model, certificate, context, program, related

__all__ = ["certificate", "context", "program"]

SAID = {
    "bucket": "aar0",
    "region": "eu-west-3",
    "endpoint": "https://s3.example.com",
    "path": "images",
    "access-key": "AK",
    "secret-key": "SK",
}


def integrator(**said: str) -> testing.Relation:
    return testing.Relation("s3", remote_app_name="s3-integrator", remote_app_data=said)


def believed(program: Model) -> str:
    """The authorities that the snap has the registry believe, if not those of the system."""
    script = Path(__file__).parents[2] / "packaging/snap/aar/local/authorities"
    command = [script, "sh", "-c", 'printf %s "$SSL_CERT_FILE"']
    environment = {"PATH": os.environ["PATH"], "SNAP_COMMON": str(program.base)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


def storage(program: Model) -> dict[str, Any]:
    return yaml.safe_load((program.base / "conf/main.yaml").read_text())["storage"]


def test_images_are_kept_in_the_bucket_of_the_relation(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(**SAID)
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert state.unit_status == ActiveStatus()
    assert storage(program) == {
        "s3": {
            "region": "eu-west-3",
            "bucket": "aar0",
            "access-key": "AK",
            "secret-access-key": "SK",
            "endpoint": "https://s3.example.com",
            "force-path-style": True,
            "prefix": "images",
        }
    }


def test_a_bucket_of_aws_is_found_by_its_region(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(**SAID | {"endpoint": "https://s3.amazonaws.com", "path": ""})
    context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert storage(program)["s3"].keys() == {
        "region",
        "bucket",
        "access-key",
        "secret-access-key",
    }


def test_credentials_in_a_secret_are_read(
    context: testing.Context, program: Model, certificate: str
) -> None:
    secret = testing.Secret({"access-key": "AK", "secret-key": "SK"})
    relation = dataclasses.replace(
        integrator(**{"bucket": "aar0", "version": "1", "secret-extra": secret.id}),
        local_unit_data={"requested-secrets": json.dumps(["access-key", "secret-key"])},
    )
    state = testing.State(relations=[relation], secrets=[secret])
    context.run(context.on.relation_changed(relation), state)
    assert storage(program)["s3"]["secret-access-key"] == "SK"


def test_nothing_is_kept_anywhere_before_the_bucket_is_known(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation, publisher = integrator(bucket="aar0"), related("publisher", "ams", u0={})
    state = testing.State(relations=[relation, publisher])
    state = context.run(context.on.relation_changed(relation), state)
    state = context.run(context.on.config_changed(), state)
    assert state.unit_status == WaitingStatus("waiting for the bucket")
    assert not (program.base / "conf/main.yaml").exists()
    # Who does not know where the registry is cannot bring it anything.
    assert "ip" not in state.get_relation(publisher.id).local_unit_data


def test_what_somebody_has_to_do_is_told_before_what_is_waited_for(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(bucket="aar0")
    client = related("client", "ams", u0={"mode": "publisher", "certificate": "x"})
    state = testing.State(relations=[relation, client])
    state = context.run(context.on.relation_changed(client), state)
    assert isinstance(state.unit_status, BlockedStatus)
    assert state.unit_status.message.startswith("ams/0: mode publisher does not fit")


@pytest.mark.parametrize("way_on", ["restore", "configure"])
def test_a_bucket_that_is_gone_does_not_send_the_registry_to_an_empty_disk(
    way_on: str, context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(**SAID)
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    gone = state.get_relation(relation.id)
    state = context.run(context.on.relation_broken(gone), state)
    assert isinstance(state.unit_status, BlockedStatus)
    assert "the bucket's relation is gone" in state.unit_status.message
    assert "s3" in storage(program)
    if way_on == "restore":
        again = integrator(**SAID)
        state = dataclasses.replace(state, relations=[again])
        state = context.run(context.on.relation_changed(again), state)
    else:
        config = {"storage_config": "storage: {s3: {region: eu-west-3, bucket: aar0}}"}
        state = dataclasses.replace(state, relations=[], config=config)
        state = context.run(context.on.config_changed(), state)
    assert state.unit_status == ActiveStatus()


def test_a_bucket_from_two_sides_blocks(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(**SAID)
    config = {"storage_config": "storage: {s3: {region: eu-west-3, bucket: other}}"}
    state = testing.State(relations=[relation], config=config)
    state = context.run(context.on.config_changed(), state)
    assert state.unit_status == BlockedStatus(
        "both storage_config and a relation say where images are: remove one"
    )


@pytest.mark.parametrize("form", ["list", "text"])
def test_the_registry_knows_the_authorities_of_the_bucket_and_hands_images_out_itself(
    form: str,
    context: testing.Context,
    program: Model,
    certificate: str,
    new_certificate: Certificates,
) -> None:
    chain = [new_certificate(), new_certificate()]
    sent = json.dumps(chain) if form == "list" else "".join(chain)
    relation = integrator(**SAID, **{"tls-ca-chain": sent})
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert state.unit_status == ActiveStatus()
    authorities = program.base / "certs/authorities.crt"
    assert authorities.read_text() == "".join(chain)
    assert storage(program)["s3"]["redirect"] is False
    assert believed(program) == str(authorities)

    # Without the chain, the ones that everybody knows are enough again.
    without = dataclasses.replace(state.get_relation(relation.id), remote_app_data=SAID)
    state = dataclasses.replace(state, relations=[without])
    context.run(context.on.relation_changed(without), state)
    assert not authorities.exists()
    assert "redirect" not in storage(program)["s3"]
    assert believed(program) == ""


def test_what_is_no_address_of_a_service_is_left_to_the_registry_to_judge(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(**SAID | {"endpoint": "https://["})
    context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert storage(program)["s3"]["endpoint"] == "https://["
