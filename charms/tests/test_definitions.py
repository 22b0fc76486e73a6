"""The definitions in `charmcraft.yaml`: accepted by Juju, and equal to what the code uses.

charmcraft does not check endpoints, options and actions when it packs.
"""

from pathlib import Path
from typing import Any

import jsonschema
import ops
import pytest
import yaml

CHARMS = Path(__file__).parent.parent
NAMES = ["aar", "ams"]

DESCRIBED = {"description": {"type": "string", "minLength": 10}}
ENDPOINTS = {
    "additionalProperties": {
        "properties": {
            "interface": {"type": "string"},
            "limit": {"type": "integer", "minimum": 1},
            "optional": {"type": "boolean"},
            **DESCRIBED,
        },
        "required": ["interface", "description"],
        "additionalProperties": False,
    }
}
JUJU = {
    "properties": {
        "requires": ENDPOINTS,
        "provides": ENDPOINTS,
        "assumes": {"items": {"type": "string", "pattern": r"^juju (>=|<) \d+\.\d+(\.\d+)?$"}},
        "resources": {
            "additionalProperties": {
                "properties": {
                    "type": {"const": "file"},
                    "filename": {"type": "string"},
                    **DESCRIBED,
                },
                "required": ["type", "filename", "description"],
                "additionalProperties": False,
            }
        },
        "config": {
            "properties": {
                "options": {
                    "additionalProperties": {
                        "properties": {
                            "type": {"enum": ["string", "int", "float", "boolean", "secret"]},
                            "default": {},
                            **DESCRIBED,
                        },
                        "required": ["type", "default", "description"],
                        "additionalProperties": False,
                    }
                }
            },
            "required": ["options"],
            "additionalProperties": False,
        },
        "actions": {
            "propertyNames": {"pattern": "^[a-z][a-z-]+$"},
            "additionalProperties": {
                "properties": {
                    "params": {
                        "additionalProperties": {
                            "properties": {
                                "type": {"enum": ["string", "integer", "boolean"]},
                                "default": {},
                                **DESCRIBED,
                            },
                            "required": ["type", "description"],
                            "additionalProperties": False,
                        }
                    },
                    "required": {"items": {"type": "string"}},
                    # A misspelt parameter must not be ignored.
                    "additionalProperties": {"const": False},
                    **DESCRIBED,
                },
                "required": ["additionalProperties", "description"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["assumes", "config", "actions", "resources"],
}
PYTHON = {"string": str, "int": int, "integer": int, "boolean": bool}


def definition(name: str) -> dict[str, Any]:
    return yaml.safe_load((CHARMS / name / "charmcraft.yaml").read_text())


def options(name: str) -> dict[str, dict[str, Any]]:
    return definition(name)["config"]["options"]


@pytest.mark.parametrize("name", NAMES)
def test_definition_is_accepted_by_juju(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(JUJU)
    jsonschema.validate(definition(name), JUJU)


@pytest.mark.parametrize("name", NAMES)
def test_defaults_have_the_type_of_their_option(name: str) -> None:
    actions = definition(name)["actions"].values()
    parameters = [one for action in actions for one in action.get("params", {}).values()]
    for one in [*options(name).values(), *parameters]:
        if "default" in one:
            assert type(one["default"]) is PYTHON[one["type"]], one


@pytest.mark.parametrize(
    ("name", "endpoints"),
    [
        (
            "aar",
            {
                "client": ("provides", "aar"),
                "publisher": ("provides", "aar"),
                "s3": ("requires", "s3"),
                "certificates": ("requires", "tls-certificates"),
            },
        ),
        (
            "ams",
            {
                "registry-client": ("requires", "aar"),
                "registry-publisher": ("requires", "aar"),
                "cos-agent": ("provides", "cos_agent"),
            },
        ),
    ],
)
def test_endpoints_match_the_interface(name: str, endpoints: dict[str, tuple[str, str]]) -> None:
    meta = ops.CharmMeta(definition(name))
    found = {
        endpoint: (relation.role.name, relation.interface_name)
        for endpoint, relation in meta.relations.items()
    }
    assert found == endpoints
    # Any number of AMS, also of other models, and one publisher for each architecture.
    assert all(meta.relations[e].limit is None for e in ("client", "publisher") if e in endpoints)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "aar",
            {
                "port": 3000,
                "storage_config": "",
                "public_interface": "",
                "location": "",
                "snap_revision": "",
                "ua_token": "",
                "snap_risk_level": "",
                "ubuntu_pro_token": "",
            },
        ),
        (
            "ams",
            {
                "port": 8444,
                "public_interface": "",
                "log_level": "info",
                "prometheus_target_port": 9104,
                "snap_revision": "",
                "ua_token": "",
                "snap_risk_level": "",
                "ubuntu_pro_token": "",
                "use_embedded_etcd": True,
            },
        ),
    ],
)
def test_options_match_the_documentation(name: str, expected: dict[str, Any]) -> None:
    assert {
        option: definition["default"] for option, definition in options(name).items()
    } == expected


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        (
            "aar",
            {
                "list-trusted": ["revoked"],
                "revoke": ["fingerprint"],
                "storage-verify": [],
                "gc": ["dry-run"],
            },
        ),
        (
            "ams",
            {
                "add-certificate": ["cert"],
                "registry-sync": ["confirm-removals"],
                "registry-status": [],
            },
        ),
    ],
)
def test_actions_match_the_guide(name: str, parameters: dict[str, list[str]]) -> None:
    actions = definition(name)["actions"]
    meta = ops.CharmMeta(definition(name), actions)
    assert {action: list(it.parameters) for action, it in meta.actions.items()} == parameters
    guide = (CHARMS.parent / "docs/how-to/deploy-with-juju.md").read_text()
    for action, names in parameters.items():
        lines = [line for line in guide.splitlines() if f"juju run {name}/0 {action}" in line]
        assert any(all(f"{parameter}=" in line for parameter in names) for line in lines), action


def documented(name: str) -> dict[tuple[str, str], bool]:
    """Return the parts of a charm in the table of the reference, and whether the charm has them."""
    page = (CHARMS.parent / "docs/reference/compatibility.md").read_text()
    section = page.split(f"\n## The charm `{name}`\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if "`" in line]
    return {
        (part.strip(), title.strip(" `")): "not this half" not in verdict
        for part, title, verdict, _ in rows
    }


@pytest.mark.parametrize("name", NAMES)
def test_table_of_compatibility_agrees_with_the_definition(name: str) -> None:
    charm = definition(name)
    parts = {
        "endpoint": {**charm.get("requires", {}), **charm.get("provides", {})},
        "option": options(name),
        "resource": charm["resources"],
        "action": charm["actions"],
    }
    rows = documented(name)
    for (part, title), expected in rows.items():
        assert (title in parts[part]) is expected, (part, title)
    assert {title for part, title in rows if part == "option"} == set(options(name))
