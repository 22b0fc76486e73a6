"""The storage of the registry: `storage_config`, else the bucket of a relation, else the disk.

A registry with images in a bucket does not move to an empty disk because a relation was removed.
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
class StorageSection:
    """The section `storage` of the registry's configuration."""

    text: str
    # Its origin, as messages name it.
    source: str
    # The private CAs of the bucket's certificate, as PEM.
    authorities: str = ""


class Storage:
    """The bucket of the relation, if any."""

    def __init__(self, charm: ops.CharmBase) -> None:
        self._charm = charm
        self._library = S3Requirer(charm, ENDPOINT)

    def events(self) -> list[ops.BoundEvent]:
        """Return the events that may change the storage."""
        on = self._library.on
        return [on.storage_connection_info_changed, on.storage_connection_info_gone]

    def is_related(self) -> bool:
        """Whether there is a relation."""
        return bool(self._charm.model.relations[ENDPOINT])

    def bucket(self) -> StorageSection | None:
        """Return the section for the bucket; None while the relation data is incomplete."""
        info: S3Info = self._library.get_storage_connection_info()
        needed = [info.get(key, "") for key in ("bucket", "access-key", "secret-key")]
        if not all(needed):
            return None
        section = _section(info, *needed)
        authorities = _authorities(info)
        if authorities:
            # Every AMS would have to trust these CAs, too.
            section["redirect"] = False
        return StorageSection(_text({"s3": section}), "the relation s3", authorities)


def disk_storage(base: Path) -> StorageSection:
    """Return the section for the disk of the unit."""
    return StorageSection(_text({"fs": {"root-directory": str(base / "data")}}), "the disk")


def _section(info: S3Info, bucket: str, access_key: str, secret_key: str) -> dict[str, Any]:
    section: dict[str, Any] = {
        # Services without regions accept any.
        "region": info.get("region") or "us-east-1",
        "bucket": bucket,
        "access-key": access_key,
        "secret-access-key": secret_key,
    }
    if (endpoint := info.get("endpoint", "")) and not _is_aws(endpoint):
        section["endpoint"] = endpoint
        section["force-path-style"] = info.get("s3-uri-style") != "host"
    if prefix := info.get("path"):
        section["prefix"] = prefix
    return section


def _is_aws(endpoint: str) -> bool:
    """Whether the registry derives the endpoint from the region."""
    try:
        return (urlsplit(endpoint).hostname or "").endswith(".amazonaws.com")
    except ValueError:
        # The registry reports what is wrong with it.
        return False


def _authorities(info: S3Info) -> str:
    """Return the certificates of `tls-ca-chain` as one PEM text."""
    sent: list[str] | str = info.get("tls-ca-chain") or []
    links = [sent] if isinstance(sent, str) else sent
    return "".join(f"{link.strip()}\n" for link in links)


def _text(storage: dict[str, Any]) -> str:
    return yaml.safe_dump({SECTION: storage}, sort_keys=False)
