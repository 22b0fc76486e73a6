"""The registry's configuration file that the charm writes from the option `storage_config`."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from machines import PROGRAMS, needs_programs

from charms.aar.v0.program_charm import Blocked
from configuration import address_in, error_about, normalized, with_address

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


def test_text_is_written_verbatim() -> None:
    assert with_address(normalized(S3), "10.0.0.5", 3000).startswith(S3)
    assert with_address(normalized(BLOCK), "", 3000) == BLOCK + 'http:\n  addr: ":3000"\n'
    assert with_address(normalized("# a comment\n" + S3), "::1", 1).endswith('addr: "[::1]:1"\n')


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
def test_every_form_of_a_mapping_is_normalized(text: str) -> None:
    file = with_address(normalized(text), "10.0.0.5", 3000)
    # Commands of the registry edit the section that begins with this line.
    assert "storage:" in (line[:8] for line in file.splitlines())
    read = yaml.load(file, Loader=yaml.BaseLoader)
    assert read["storage"] == {"s3": {"region": "eu-west-3", "bucket": "0123"}}
    assert address_in(file) == ("10.0.0.5", 3000)


@needs_programs
@pytest.mark.parametrize(
    ("scalar", "value"), [("0123", "0123"), ("no", "no"), ("1_000", "1_000"), ("12e3", "12e3")]
)
def test_written_configuration_is_read_by_the_registry(
    scalar: str, value: str, tmp_path: Path
) -> None:
    text = normalized(f"storage:\n  s3:\n    region: eu-west-3\n    bucket: {scalar}\n")
    assert (
        _read_by_registry(with_address(text, "", 3000), tmp_path)["storage"]["s3"]["bucket"]
        == value
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("storage: [", "storage_config is not YAML in line 1"),
        ("storage: {}\n---\nhttp: {}", "storage_config is not YAML in line 2"),
        ("s3: {}", "needs the top-level key 'storage'"),
        ("text", "needs the top-level key 'storage'"),
        ("[storage]", "needs the top-level key 'storage'"),
        ("# nothing", "needs the top-level key 'storage'"),
    ],
)
def test_text_without_a_storage_mapping_is_rejected(text: str, reason: str) -> None:
    with pytest.raises(Blocked, match=reason):
        normalized(text)


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
def test_listen_address_is_read_from_the_file(text: str, address: tuple[str, int]) -> None:
    assert address_in(text) == address


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("/v/conf/candidate.yaml:4: storage: no", "storage_config, line 4: storage: no"),
        ("/v/conf/candidate.yaml: storage: no", "storage_config: storage: no"),
        ("http://b cannot be reached: why", "storage_config: http://b cannot be reached: why"),
    ],
)
def test_error_names_the_option(message: str, expected: str) -> None:
    assert error_about("storage_config", message, "candidate.yaml") == expected


def _read_by_registry(file: str, folder: Path) -> dict[str, Any]:
    """Return a file as the registry reads it."""
    path = folder / "main.yaml"
    path.write_text(file)
    command = [PROGRAMS["aar"], "--base-dir", folder, "check-config", path]
    completed = subprocess.run(command, check=True, capture_output=True, text=True)
    return yaml.load(completed.stdout, Loader=yaml.BaseLoader)
