"""The storage that the charm `aar` configures from the bucket of a relation."""

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

BUCKET = {
    "bucket": "aar0",
    "region": "eu-west-3",
    "endpoint": "https://s3.example.com",
    "path": "images",
    "access-key": "AK",
    "secret-key": "SK",
}


def integrator(**data: str) -> testing.Relation:
    return testing.Relation("s3", remote_app_name="s3-integrator", remote_app_data=data)


def trusted_authorities(program: Model) -> str:
    """Return the file of CAs that the snap passes to the registry; empty for the system's."""
    script = Path(__file__).parents[2] / "packaging/snap/aar/local/authorities"
    command = [script, "sh", "-c", 'printf %s "$SSL_CERT_FILE"']
    environment = {"PATH": os.environ["PATH"], "SNAP_COMMON": str(program.base)}
    completed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return completed.stdout


def storage(program: Model) -> dict[str, Any]:
    return yaml.safe_load((program.base / "conf/main.yaml").read_text())["storage"]


def test_related_bucket_is_used_as_storage(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(**BUCKET)
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


def test_aws_bucket_is_configured_without_endpoint(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(**BUCKET | {"endpoint": "https://s3.amazonaws.com", "path": ""})
    context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert storage(program)["s3"].keys() == {
        "region",
        "bucket",
        "access-key",
        "secret-access-key",
    }


def test_credentials_are_read_from_a_secret(
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


def test_incomplete_bucket_data_waits_without_configuring_storage(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation, publisher = integrator(bucket="aar0"), related("publisher", "ams", u0={})
    state = testing.State(relations=[relation, publisher])
    state = context.run(context.on.relation_changed(relation), state)
    state = context.run(context.on.config_changed(), state)
    assert state.unit_status == WaitingStatus("waiting for the bucket")
    assert not (program.base / "conf/main.yaml").exists()
    # Without the address, publishers wait.
    assert "ip" not in state.get_relation(publisher.id).local_unit_data


def test_blocked_status_precedes_waiting_status(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(bucket="aar0")
    client = related("client", "ams", u0={"mode": "publisher", "certificate": "x"})
    state = testing.State(relations=[relation, client])
    state = context.run(context.on.relation_changed(client), state)
    assert isinstance(state.unit_status, BlockedStatus)
    assert state.unit_status.message.startswith("ams/0: mode publisher does not match")


@pytest.mark.parametrize("repair", ["restore", "configure"])
def test_removed_bucket_relation_blocks_and_keeps_the_storage(
    repair: str, context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(**BUCKET)
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    gone = state.get_relation(relation.id)
    state = context.run(context.on.relation_broken(gone), state)
    assert isinstance(state.unit_status, BlockedStatus)
    assert "the relation s3 was removed" in state.unit_status.message
    assert "s3" in storage(program)
    if repair == "restore":
        again = integrator(**BUCKET)
        state = dataclasses.replace(state, relations=[again])
        state = context.run(context.on.relation_changed(again), state)
    else:
        config = {"storage_config": "storage: {s3: {region: eu-west-3, bucket: aar0}}"}
        state = dataclasses.replace(state, relations=[], config=config)
        state = context.run(context.on.config_changed(), state)
    assert state.unit_status == ActiveStatus()


def test_storage_config_with_a_bucket_relation_blocks(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(**BUCKET)
    config = {"storage_config": "storage: {s3: {region: eu-west-3, bucket: other}}"}
    state = testing.State(relations=[relation], config=config)
    state = context.run(context.on.config_changed(), state)
    assert state.unit_status == BlockedStatus(
        "storage_config and the relation s3 both configure the storage: remove one of them"
    )


@pytest.mark.parametrize("form", ["list", "text"])
def test_bucket_with_a_ca_chain_is_trusted_and_not_redirected_to(
    form: str,
    context: testing.Context,
    program: Model,
    certificate: str,
    new_certificate: Certificates,
) -> None:
    chain = [new_certificate(), new_certificate()]
    sent = json.dumps(chain) if form == "list" else "".join(chain)
    relation = integrator(**BUCKET, **{"tls-ca-chain": sent})
    state = context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert state.unit_status == ActiveStatus()
    authorities = program.base / "certs/authorities.crt"
    assert authorities.read_text() == "".join(chain)
    assert storage(program)["s3"]["redirect"] is False
    assert trusted_authorities(program) == str(authorities)

    # Without the chain, the CAs of the system are used again.
    without = dataclasses.replace(state.get_relation(relation.id), remote_app_data=BUCKET)
    state = dataclasses.replace(state, relations=[without])
    context.run(context.on.relation_changed(without), state)
    assert not authorities.exists()
    assert "redirect" not in storage(program)["s3"]
    assert trusted_authorities(program) == ""


def test_invalid_bucket_endpoint_is_reported_by_the_registry(
    context: testing.Context, program: Model, certificate: str
) -> None:
    relation = integrator(**BUCKET | {"endpoint": "https://["})
    context.run(context.on.relation_changed(relation), testing.State(relations=[relation]))
    assert storage(program)["s3"]["endpoint"] == "https://["
