"""The files of deploy/ fit each other and the project: commands exist, secrets are declared, nothing runs as root."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from orchestration.logs import JsonFormatter
from orchestration.settings import PROJECT_ROOT, Settings

DEPLOY = PROJECT_ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
MANIFESTS = [
    manifest
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
DEPLOYMENTS = {one["metadata"]["name"]: one["spec"] for one in MANIFESTS if one["kind"] == "Deployment"}
OURS = [name for name, service in COMPOSE["services"].items() if service["image"].startswith("account-health")]


def test_secrets_of_services_are_declared_and_used():
    used = {name for service in COMPOSE["services"].values() for name in service.get("secrets", ())}
    assert used == set(COMPOSE["secrets"])


@pytest.mark.parametrize("name", [*OURS, "nginx"])
def test_containers_can_change_nothing_and_become_nobody(name):
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert bool(service.get("ports")) == (name == "nginx")


@pytest.mark.parametrize("name", list(DEPLOYMENTS))
def test_pods_can_change_nothing_and_become_nobody(name):
    pod = DEPLOYMENTS[name]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"].keys() == {"cpu", "memory"}
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_everything_that_runs_may_be_reached_by_policy():
    policies = [one for one in MANIFESTS if one["kind"] == "NetworkPolicy"]
    named = set()
    for policy in policies:
        selector = policy["spec"]["podSelector"]
        named |= set(selector.get("matchLabels", {}).values())
        named |= {value for rule in selector.get("matchExpressions", ()) for value in rule["values"]}
    assert named == set(DEPLOYMENTS)
    assert any(one["spec"]["podSelector"] == {} and "ingress" not in one["spec"] for one in policies)


def test_what_is_only_looked_at_is_read_only_and_the_rest_is_not():
    for commands in (
        {name: service["command"] for name, service in COMPOSE["services"].items() if "command" in service},
        {name: spec["template"]["spec"]["containers"][0]["command"] for name, spec in DEPLOYMENTS.items()},
    ):
        assert [name for name, command in commands.items() if "--read-only" in command] == ["dagster-read-only"]
        webservers = [command for command in commands.values() if command[0] == "dagster-webserver"]
        assert len(webservers) == 2
        assert all("--path-prefix=/dagster" in command for command in webservers)


def test_settings_exist():
    text = "".join(
        file.read_text(encoding="utf-8")
        for file in DEPLOY.rglob("*")
        if file.is_file() and file.suffix in (".yaml", "")
    )
    known = {f"ACCOUNT_HEALTH_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"ACCOUNT_HEALTH_[A-Z_]+", text)) - {"ACCOUNT_HEALTH_VERSION"} <= known


def test_dagster_reads_its_settings(tmp_path):
    text = (DEPLOY / "dagster" / "dagster.yaml").read_text(encoding="utf-8")
    (tmp_path / "dagster.yaml").write_text(text, encoding="utf-8")
    settings, _ = dagster_instance_config(str(tmp_path))
    formatter = settings["python_logs"]["dagster_handler_config"]["formatters"]["json"]["class"]
    assert formatter == f"{JsonFormatter.__module__}.{JsonFormatter.__name__}"


def test_the_image_has_what_runs_and_nothing_else():
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    taken = {line[1:] for line in ignored if line.startswith("!")}
    assert all((PROJECT_ROOT / path).exists() for path in taken)
    assert "*" in ignored
    assert not any(Path(path).parts[0] in ("tests", ".git", ".venv") for path in taken)
    container = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert "USER 10001" in container
    assert container.count("--require-hashes") == 2
