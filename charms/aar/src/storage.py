"""Where images are kept: as `storage_config` says, else in the bucket of a relation, else on disk.

A registry that has its images in a bucket is never sent back to an empty disk because a relation
went away.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ops
import yaml
from object_storage import S3Info, S3Requirer

from configuration import SECTION

ENDPOINT = "s3"


@dataclass(frozen=True)
class Place:
    """Where images are kept."""

    # The section of the registry's configuration.
    text: str
    # Who says so, as it is called in messages.
    source: str
    # As PEM, who issued the certificate of the bucket, where that is nobody that everybody knows.
    authorities: str = ""


class Storage:
    """The bucket of a relation, if there is one."""

    def __init__(self, charm: ops.CharmBase) -> None:
        self._charm = charm
        self._library = S3Requirer(charm, ENDPOINT)

    def events(self) -> list[ops.BoundEvent]:
        """The events after which images may have to be kept elsewhere."""
        on = self._library.on
        return [on.storage_connection_info_changed, on.storage_connection_info_gone]

    def is_related(self) -> bool:
        """Whether a relation is to bring a bucket."""
        return bool(self._charm.model.relations[ENDPOINT])

    def bucket(self) -> Place | None:
        """The bucket of the relation, once the other side has said all that is needed."""
        info: S3Info = self._library.get_storage_connection_info()
        needed = [info.get(key, "") for key in ("bucket", "access-key", "secret-key")]
        if not all(needed):
            return None
        section = _section(info, *needed)
        authorities = _authorities(info)
        if authorities:
            # Every AMS would have to know them, too.
            section["redirect"] = False
        return Place(_text({"s3": section}), "the bucket of the relation s3", authorities)


def on_disk(base: Path) -> Place:
    """The disk of the unit."""
    return Place(_text({"fs": {"root-directory": str(base / "data")}}), "the disk")


def _section(info: S3Info, bucket: str, access_key: str, secret_key: str) -> dict[str, Any]:
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
    return section


def _is_of_aws(endpoint: str) -> bool:
    """Whether the registry finds the endpoint by the region, which one name for all does not."""
    try:
        return (urlsplit(endpoint).hostname or "").endswith(".amazonaws.com")
    except ValueError:
        # The registry says what is wrong with it.
        return False


def _authorities(info: S3Info) -> str:
    """The certificates of `tls-ca-chain`, one after the other."""
    sent: list[str] | str = info.get("tls-ca-chain") or []
    links = [sent] if isinstance(sent, str) else sent
    return "".join(f"{link.strip()}\n" for link in links)


def _text(storage: dict[str, Any]) -> str:
    return yaml.safe_dump({SECTION: storage}, sort_keys=False)
