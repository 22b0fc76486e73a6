import datetime
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import ops
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CHARMS = Path(__file__).parent.parent


def load_charm(name: str) -> ModuleType:
    """Load the module `charm` of a charm; both charms have one."""
    module_name = f"{name}_charm"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, CHARMS / name / "src/charm.py")
        assert spec is not None and spec.loader is not None
        sys.modules[module_name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[module_name])
    return sys.modules[module_name]


@pytest.fixture(autouse=True)
def resources_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report a missing resource as Juju does for a local charm; a test state cannot express it."""
    fetch = ops.Resources.fetch

    def fetch_or_miss(resources: ops.Resources, name: str) -> Path:
        try:
            return fetch(resources, name)
        except RuntimeError as error:
            raise ops.ModelError(f"could not download resource: {name} not found") from error

    monkeypatch.setattr(ops.Resources, "fetch", fetch_or_miss)


@pytest.fixture(scope="session")
def aar_charm() -> Any:
    return load_charm("aar").AarCharm


@pytest.fixture(scope="session")
def ams_charm() -> Any:
    return load_charm("ams").AmsCharm


@pytest.fixture(scope="session")
def new_certificate() -> Callable[[], str]:
    def make() -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=3650))
            .sign(key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    return make
