"""The metrics endpoint and the alert rules that the charm `ams` publishes to the agent."""

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from ops import testing
from ops.testing import ActiveStatus

from charms.aar.v0.snap_program import Output, SnapProgram
from management import ManagementService

CHARMS = Path(__file__).parent.parent
ALERT_RULES = CHARMS / "ams/src/prometheus_alert_rules"
DOCUMENTED = CHARMS.parent / "docs/reference/metrics.md"


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an AMS that runs and responds."""
    monkeypatch.setattr(ManagementService, "base", tmp_path)
    monkeypatch.setattr(SnapProgram, "install", lambda *_: "")
    monkeypatch.setattr(SnapProgram, "restart", lambda _: (tmp_path / "restarted").touch())
    monkeypatch.setattr(SnapProgram, "call", lambda *_, **__: Output("amc 0.1.0"))
    return tmp_path


@pytest.fixture
def context(ams_charm: Any, base: Path) -> testing.Context:
    return testing.Context(ams_charm)


def listen_address(base: Path) -> str:
    settings = yaml.safe_load((base / "server/settings.yaml").read_text())
    return settings["metrics"]["prometheus"]["listen-address"]


def published(state: testing.State) -> dict[str, Any]:
    """Return the data for the agent."""
    [relation] = state.get_relations("cos-agent")
    return json.loads(relation.local_unit_data["config"])


def targets(state: testing.State) -> list[tuple[str, list[str]]]:
    return [
        (job["metrics_path"], static["targets"])
        for job in published(state)["metrics_scrape_jobs"]
        for static in job["static_configs"]
    ]


def own_rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text()) for path in ALERT_RULES.glob("*.rules")]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def metrics(expression: Any) -> set[str]:
    """Return the names of the metrics in a parsed expression."""
    match expression:
        case promql_parser.VectorSelector():
            assert expression.name is not None
            return {expression.name}
        case promql_parser.MatrixSelector():
            return metrics(expression.vector_selector)
        case promql_parser.BinaryExpr():
            return metrics(expression.lhs) | metrics(expression.rhs)
        case promql_parser.Call():
            return {name for argument in expression.args for name in metrics(argument)}
        case (
            promql_parser.AggregateExpr()
            | promql_parser.ParenExpr()
            | promql_parser.SubqueryExpr()
            | promql_parser.UnaryExpr()
        ):
            return metrics(expression.expr)
    return set()


def documented_metrics() -> set[str]:
    return set(re.findall(r"^\| `(ams_\w+)` \|", DOCUMENTED.read_text(), re.MULTILINE))


def test_agent_gets_the_metrics_endpoint(context: testing.Context, base: Path) -> None:
    relation = testing.Relation("cos-agent")
    state = testing.State(relations=[relation])
    state = context.run(context.on.relation_joined(relation, remote_unit=0), state)
    assert targets(state) == [("/metrics", ["localhost:9104"])]
    context.run(context.on.config_changed(), state)
    assert listen_address(base) == "127.0.0.1:9104"


def test_changed_metrics_port_reaches_ams_and_the_agent(
    context: testing.Context, base: Path
) -> None:
    state = testing.State(relations=[testing.Relation("cos-agent")])
    state = context.run(context.on.config_changed(), state)
    (base / "restarted").unlink()
    moved = testing.State(relations=state.relations, config={"prometheus_target_port": 9200})
    moved = context.run(context.on.config_changed(), moved)
    assert moved.unit_status == ActiveStatus()
    assert listen_address(base) == "127.0.0.1:9200"
    assert (base / "restarted").exists()
    assert targets(moved) == [("/metrics", ["localhost:9200"])]


def test_metrics_are_served_on_loopback_without_an_agent(
    context: testing.Context, base: Path
) -> None:
    state = context.run(context.on.install(), testing.State())
    assert state.unit_status == ActiveStatus()
    assert listen_address(base) == "127.0.0.1:9104"


def test_alert_rules_reach_the_agent_with_the_application_label(
    context: testing.Context, base: Path
) -> None:
    state = testing.State(relations=[testing.Relation("cos-agent")])
    state = context.run(context.on.upgrade_charm(), state)
    rules = {
        rule["alert"]: rule
        for group in published(state)["metrics_alert_rules"]["groups"]
        for rule in group["rules"]
    }
    for rule in own_rules():
        assert rules[rule["alert"]]["labels"]["juju_application"] == "ams"
        assert "%%" not in rules[rule["alert"]]["expr"]


@pytest.mark.parametrize("rule", own_rules(), ids=lambda rule: rule["alert"])
def test_alert_rules_use_documented_metrics(rule: dict[str, Any]) -> None:
    expression = promql_parser.parse(rule["expr"].replace("%%juju_topology%%", ""))
    assert metrics(expression)
    assert metrics(expression) <= documented_metrics()


@pytest.mark.parametrize("rule", own_rules(), ids=lambda rule: rule["alert"])
def test_alert_rules_have_severity_and_advice(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description"}
    promql_parser.parse_duration(rule["for"])
