"""Where images are kept: as `storage_config` says, else in the bucket of a relation, else on disk.

A registry that has its images in a bucket is never sent back to an empty disk because a relation
went away.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ops
import yaml
from object_storage import S3Info, S3Requirer

ENDPOINT = "s3"


class StorageUnknownError(Exception):
    """Somebody has to say where images are kept; the message says how."""


class Storage:
    """The section `storage` of the registry's configuration."""

    def __init__(self, charm: ops.CharmBase) -> None:
        self._charm = charm
        self._library = S3Requirer(charm, ENDPOINT)

    def events(self) -> list[ops.BoundEvent]:
        """The events after which images may have to be kept elsewhere."""
        on = self._library.on
        return [on.storage_connection_info_changed, on.storage_connection_info_gone]

    def is_related(self, event: ops.EventBase) -> bool:
        """Whether a relation brings a bucket, one that this event says is leaving not counted."""
        broken = event.relation.id if isinstance(event, ops.RelationBrokenEvent) else None
        return any(relation.id != broken for relation in self._charm.model.relations[ENDPOINT])

    def bucket(self) -> dict[str, Any] | None:
        """The bucket of the relation, once the other side has said all that is needed."""
        info: S3Info = self._library.get_storage_connection_info()
        needed = [info.get(key, "") for key in ("bucket", "access-key", "secret-key")]
        if not all(needed):
            return None
        bucket, access_key, secret_key = needed
        section: dict[str, Any] = {
            # Services that know no regions take any.
            "region": info.get("region") or "us-east-1",
            "bucket": bucket,
            "access-key": access_key,
            "secret-access-key": secret_key,
        }
        if (endpoint := info.get("endpoint", "")) and not _is_of_aws(endpoint):
            section["endpoint"] = endpoint
            section["force-path-style"] = info.get("s3-uri-style") != "host"
        if prefix := info.get("path"):
            section["prefix"] = prefix
        return {"s3": section}


def _is_of_aws(endpoint: str) -> bool:
    """Whether the registry finds the endpoint by the region, which one name for all does not."""
    return (urlsplit(endpoint).hostname or "").endswith(".amazonaws.com")


def on_disk(base: Path) -> dict[str, Any]:
    """The disk of the unit."""
    return {"fs": {"root-directory": str(base / "data")}}


def written(text: str) -> dict[str, Any]:
    """What somebody wrote into `storage_config`."""
    try:
        storage = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        where = f" in line {mark.line + 1}" if mark else ""
        raise StorageUnknownError(f"storage_config is not YAML{where}") from error
    if not isinstance(storage, dict) or list(storage) != ["storage"]:
        raise StorageUnknownError("storage_config needs the one key 'storage' at its top")
    return storage["storage"]
