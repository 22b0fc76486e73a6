"""The registry's configuration file, as the charm makes it of what somebody wrote."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from machines import PROGRAMS, needs_programs

from charms.aar.v0.program_charm import Blocked
from configuration import address_in, complaint, with_address, written

S3 = "storage:\n  s3:\n    region: eu-west-3\n    bucket: 0123\n"
INDENTED = "".join(f"    {line}\n" for line in S3.splitlines())
BLOCK = """storage:
  s3:
    region: r
    bucket: b
    cloudfront:
      private-key: |
        -----BEGIN RSA PRIVATE KEY-----

        -----END RSA PRIVATE KEY-----
      duration: 1m
"""


def test_a_text_goes_into_the_file_as_it_is() -> None:
    assert with_address(written(S3), "10.0.0.5", 3000).startswith(S3)
    assert with_address(written(BLOCK), "", 3000) == BLOCK + 'http:\n  addr: ":3000"\n'
    assert with_address(written("# ours\n" + S3), "::1", 1).endswith('addr: "[::1]:1"\n')


@pytest.mark.parametrize(
    "text",
    [
        INDENTED,
        '"storage":\n  s3:\n    region: eu-west-3\n    bucket: 0123',
        "{storage: {s3: {region: eu-west-3, bucket: 0123}}}",
        json.dumps({"storage": {"s3": {"region": "eu-west-3", "bucket": "0123"}}}, indent=2),
        f"---\n{S3}",
        f"{S3}uploads: {{max-open: 3}}\n",
    ],
)
def test_every_form_of_a_mapping_comes_to_the_same(text: str) -> None:
    file = with_address(written(text), "10.0.0.5", 3000)
    # Commands of the registry look for the section by this line.
    assert "storage:" in (line[:8] for line in file.splitlines())
    read = yaml.load(file, Loader=yaml.BaseLoader)
    assert read["storage"] == {"s3": {"region": "eu-west-3", "bucket": "0123"}}
    assert address_in(file) == ("10.0.0.5", 3000)


@needs_programs
@pytest.mark.parametrize(
    ("scalar", "means"), [("0123", "0123"), ("no", "no"), ("1_000", "1_000"), ("12e3", "12e3")]
)
def test_the_registry_reads_what_was_written(scalar: str, means: str, tmp_path: Path) -> None:
    text = written(f"storage:\n  s3:\n    region: eu-west-3\n    bucket: {scalar}\n")
    assert _checked(with_address(text, "", 3000), tmp_path)["storage"]["s3"]["bucket"] == means


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("storage: [", "storage_config is not YAML in line 1"),
        ("storage: {}\n---\nhttp: {}", "storage_config is not YAML in line 2"),
        ("s3: {}", "needs the key 'storage'"),
        ("text", "needs the key 'storage'"),
        ("[storage]", "needs the key 'storage'"),
        ("# nothing", "needs the key 'storage'"),
    ],
)
def test_what_is_no_such_mapping_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(Blocked, match=complaint):
        written(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ('http:\n  addr: "[::1]:3001"\n', ("::1", 3001)),
        ("http: {addr: ':3001'}", ("", 3001)),
        ("http: {drain: 3s}", ("", 3000)),
        ("", ("", 3000)),
        ("http: [", ("", 3000)),
    ],
)
def test_where_a_registry_listens_is_read_from_its_file(
    text: str, address: tuple[str, int]
) -> None:
    assert address_in(text) == address


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/v/conf/candidate.yaml:4: storage: no", "storage_config, line 4: storage: no"),
        ("/v/conf/candidate.yaml: storage: no", "storage_config: storage: no"),
        ("http://b cannot be reached: why", "storage_config: http://b cannot be reached: why"),
    ],
)
def test_a_complaint_names_the_option(said: str, told: str) -> None:
    assert complaint(said, "candidate.yaml", "storage_config") == told


def _checked(file: str, folder: Path) -> dict[str, Any]:
    """What the registry makes of a file."""
    path = folder / "main.yaml"
    path.write_text(file)
    command = [PROGRAMS["aar"], "--base-dir", folder, "check-config", path]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return yaml.load(done.stdout, Loader=yaml.BaseLoader)
