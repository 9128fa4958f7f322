"""The manifests of k3s agree with the Compose files; each difference is listed with its reason."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from k3s.image_delivery import OUR_IMAGES
from k3s.overlay import PASSED_ON
from tests.stack.compose_files import COMPOSE, ROOT, read, services
from tests.stack.k3s_files import FOLDERS, NOT_OBJECTS, Pod, environment, objects, pods
from tests.stack.test_compose import DECLARED_SECRETS, secret_file, stages

COMPOSE_SERVICES = services()
PODS = pods()
POLICIES = {item["metadata"]["name"]: item["spec"] for item in objects() if item["kind"] == "NetworkPolicy"}
VERSIONS = ("1.33", "1.34", "1.35", "1.36", "1.37")
PLAIN_FILES = [file for file in sorted((ROOT / "k3s").rglob("*.yaml")) if file.name not in NOT_OBJECTS]

INIT_CONTAINERS = {"migrate": "an init container of flows: a Job could not be applied again with another image"}
INTERPOLATED = re.compile(r"\$\{\w+(?::?-([^${}]*))?\}")
STARTUP_SECONDS = {
    "mysql": (600, "Compose only waits; the kubelet would kill it while it creates its tables or recovers"),
    "prometheus": (600, "Compose only waits; the kubelet would kill it while it replays its log"),
}
"""Startup times other than those of Compose."""
LIVENESS = {
    "mysql": "its health check logs in, which fails while all connections are used",
    "mlflow": "its health check needs MySQL, and a restart of MLflow would not bring MySQL back",
    "mysqld-exporter": "its health check needs MySQL",
    "flows": "its health check needs Prefect, and a restart would kill the day that runs",
    "s3": "its health check fails on a full disk, where a restart makes no space",
}
"""Liveness probes that are not the health check: the port of the service accepts connections."""
READINESS = {"api": "a replica that could not load the model gets no requests; in Compose it would be the only one"}
OTHER_FILES = {
    "prometheus": "Compose mounts the folder, of which Prometheus reads these files",
}


def default_of(value: object) -> str:
    """Return a value of Compose as without any setting, with whitespace as YAML folds it."""
    text = str(value)
    while (inner := INTERPOLATED.sub(lambda match: match[1] or "", text)) != text:
        text = inner
    return text.replace("$$", "$")


def probe_command(probe: dict[str, Any]) -> list[str]:
    command: list[str] = probe["exec"]["command"]
    return command


def healthcheck_command(config: dict[str, Any]) -> list[str]:
    kind, *command = config["healthcheck"]["test"]
    return ["sh", "-c", *(part.replace("$$", "$") for part in command)] if kind == "CMD-SHELL" else command


def seconds(text: object) -> int:
    return int(str(text).removesuffix("s"))


def mebibytes(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg]|Mi|Gi)", text).groups()
    return int(number) * (1024 if unit in ("g", "Gi") else 1)


def test_every_service_has_pods() -> None:
    assert set(COMPOSE_SERVICES) == set(PODS) | set(INIT_CONTAINERS)
    files = {file.stem for folder in FOLDERS for file in folder.glob("*.yaml") if file.name not in NOT_OBJECTS}
    assert files - {"namespace", "network", "access"} == set(PODS)


def test_the_init_container_migrate_is_the_service_of_compose() -> None:
    service = COMPOSE_SERVICES["migrate"]
    flows = PODS["flows"]
    (container,) = [item for item in flows.spec["initContainers"] if item["name"] == "migrate"]
    limits = container["resources"]["limits"]
    assert container["image"] == service.config["image"]
    assert container["command"] == service.config["command"]
    assert mebibytes(limits["memory"]) == mebibytes(service.config["mem_limit"])
    assert float(limits["cpu"]) == float(service.config["cpus"])
    passed_on = {name for name, value in service.environment.items() if value is None}
    expected = {name: default_of(value) for name, value in service.environment.items() if name not in passed_on}
    assert environment(container) == expected
    assert ({"configMapRef": {"name": "settings"}} in container["envFrom"]) == bool(passed_on)
    assert flows.secrets.items() >= {(name, secret_file(DECLARED_SECRETS[name])) for name in service.config["secrets"]}
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {
        "/run/secrets",
        *(str(item).partition(":")[0] for item in service.config["tmpfs"]),
    }


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_image_command_and_limits_are_the_same(pod: Pod) -> None:
    config = COMPOSE_SERVICES[pod.name].config
    limits = pod.container["resources"]["limits"]
    assert pod.container["image"] == config["image"]
    assert pod.container.get("command", []) == config.get("entrypoint", [])
    assert pod.container.get("args", []) == [default_of(part) for part in config.get("command", [])]
    assert mebibytes(limits["memory"]) == mebibytes(config["mem_limit"])
    cpu = str(limits["cpu"])
    assert (int(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu)) == float(config["cpus"])


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_the_environment_is_the_same(pod: Pod) -> None:
    environment = COMPOSE_SERVICES[pod.name].environment
    passed_on = {name for name, value in environment.items() if value is None or name == "READMIT_DATA"}
    expected = {name: default_of(value) for name, value in environment.items() if name not in passed_on}
    assert pod.environment == expected
    assert pod.gets_settings or not passed_on
    assert {name.removeprefix("READMIT_") for name in passed_on} <= {*PASSED_ON, "DATA"}


def test_every_setting_that_is_passed_on_is_one_of_compose() -> None:
    used = {name for item in COMPOSE_SERVICES.values() for name, value in item.environment.items() if value is None}
    assert {name.removeprefix("READMIT_") for name in used} == set(PASSED_ON)


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_the_published_ports_are_those_that_are_opened(pod: Pod) -> None:
    published = [
        int(default_of(port).rpartition(":")[2]) for port in COMPOSE_SERVICES[pod.name].config.get("ports", [])
    ]
    opened = [
        item["spec"]["ports"][0]["port"]
        for item in objects()
        if item["kind"] == "Service"
        and item["metadata"]["name"] == pod.name
        and item["metadata"].get("labels", {}).get("readmit/open") == "true"
    ]
    assert opened == published
    assert pod.ports == [port["containerPort"] for port in pod.container["ports"]]


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_the_probes_are_the_health_check(pod: Pod) -> None:
    config = COMPOSE_SERVICES[pod.name].config
    check, command = config["healthcheck"], healthcheck_command(config)
    startup, readiness, liveness = (pod.container[f"{name}Probe"] for name in ("startup", "readiness", "liveness"))
    assert probe_command(startup) == command
    assert startup["periodSeconds"] == seconds(check["start_interval"])
    start_period, _ = STARTUP_SECONDS.get(pod.name, (seconds(check["start_period"]), ""))
    assert startup["periodSeconds"] * startup["failureThreshold"] == start_period
    assert (probe_command(readiness) == command) == (pod.name not in READINESS)
    if pod.name in LIVENESS:
        assert liveness["tcpSocket"]["port"] == pod.ports[0]
    else:
        assert probe_command(liveness) == command
    assert liveness["periodSeconds"] == seconds(check["interval"])
    assert {probe["timeoutSeconds"] for probe in (startup, readiness, liveness)} == {seconds(check["timeout"])}
    assert {probe["failureThreshold"] for probe in (readiness, liveness)} == {check["retries"]}


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_the_user_is_the_same_and_has_the_least_privileges(pod: Pod) -> None:
    config = COMPOSE_SERVICES[pod.name].config
    target = config["image"].removeprefix(OUR_IMAGES).partition(":")[0]
    user = int(str(config.get("user") or stages()[target][1]).partition(":")[0])
    context = pod.spec["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"], context["runAsNonRoot"]) == (user, user, True)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod.spec["automountServiceAccountToken"] is False
    assert pod.spec["enableServiceLinks"] is False
    for container in pod.containers:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {*container["resources"]["requests"], *container["resources"]["limits"]} == {"cpu", "memory"}
        assert container["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_the_mounted_files_secrets_and_folders_are_the_same(pod: Pod) -> None:
    config = COMPOSE_SERVICES[pod.name].config
    mounted = [str(item).split(":") for item in config.get("volumes", ()) if not isinstance(item, dict)]
    files = {}
    for source, target, *_ in mounted:
        path = (COMPOSE / source).resolve() if source.startswith(".") else None
        if path is not None and path.is_file():
            files[target] = str(path.relative_to(ROOT))
        elif path is not None:
            below = [file for file in path.rglob("*") if file.is_file() and file.name != "kustomization.yaml"]
            files |= {f"{target}/{file.relative_to(path)}": str(file.relative_to(ROOT)) for file in below}
    if pod.name in OTHER_FILES:
        read_by_it = ("prometheus.yml", "rules.yml", "web.yml", "scrape/", "consoles/")
        files = {path: file for path, file in files.items() if file.removeprefix("grafana/").startswith(read_by_it)}
    assert pod.files == files
    assert pod.secrets == {name: secret_file(DECLARED_SECRETS[name]) for name in config.get("secrets", ())}
    claims = {target for source, target, *_ in mounted if not source.startswith(".")}
    writable = claims | {str(item).partition(":")[0] for item in config.get("tmpfs", ())}
    mounts = {mount["mountPath"] for mount in pod.container.get("volumeMounts", ()) if not mount.get("readOnly")}
    assert mounts == writable


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_a_limit_on_temporary_files_is_the_same(pod: Pod) -> None:
    """A folder of Compose without a size is one on the disk of the node."""
    volumes = {volume["name"]: volume.get("emptyDir", {}) for volume in pod.spec.get("volumes", ())}
    for item in COMPOSE_SERVICES[pod.name].config.get("tmpfs", ()):
        path, size = re.fullmatch(r"([^:]+)(?::size=(\w+))?.*", str(item)).groups()
        (name,) = (mount["name"] for mount in pod.container["volumeMounts"] if mount["mountPath"] == path)
        limit = volumes[name]
        assert limit.get("medium") == ("Memory" if size else None)
        assert mebibytes(limit.get("sizeLimit", "0Mi")) == mebibytes(size or "0m")


def test_what_keeps_data_is_a_stateful_set_with_a_claim() -> None:
    keeping = {
        name
        for name, item in COMPOSE_SERVICES.items()
        if any(not isinstance(volume, dict) and volume[0] not in "./" for volume in item.config.get("volumes", ()))
    }
    # The API keeps a copy of a model that the registry has.
    assert {name for name, pod in PODS.items() if pod.kind == "StatefulSet"} == keeping - {"api"}
    for name in keeping - {"api"}:
        kept = {
            str(volume).split(":")[1]
            for volume in COMPOSE_SERVICES[name].config["volumes"]
            if not isinstance(volume, dict) and volume[0] not in "./"
        }
        (claim,) = PODS[name].claims
        mounted = {mount["mountPath"] for mount in PODS[name].container["volumeMounts"] if mount["name"] == claim}
        assert mounted == kept


def callers_by_policy(service: str, port: int) -> set[str]:
    """Return the names of the pods that the policy of a service lets through to a port."""
    names: set[str] = set()
    for rule in POLICIES[service].get("ingress", ()):
        if {"port": port} in rule["ports"]:
            for source in rule["from"]:
                selector = source["podSelector"]
                names |= set(selector.get("matchLabels", {}).values())
                names |= {value for item in selector.get("matchExpressions", ()) for value in item["values"]}
    return names


ADDRESS = re.compile(r"\b([a-z][a-z0-9-]*):(\d{4})\b")


def addresses(text: str) -> set[tuple[str, int]]:
    """Return the services and ports that a text names."""
    found = {(name.removesuffix("-replicas"), int(port)) for name, port in ADDRESS.findall(text)}
    return {(name, port) for name, port in found if name in PODS}


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_the_policies_let_a_pod_reach_every_service_that_its_settings_name(pod: Pod) -> None:
    for service, port in addresses(" ".join(map(str, pod.environment.values()))):
        assert service == pod.name or pod.name in callers_by_policy(service, port), (service, port)


def test_the_policies_let_prometheus_and_the_blackbox_exporter_reach_every_target() -> None:
    for file in (ROOT / "grafana/scrape").glob("*.yml"):
        for job in read(file)["scrape_configs"]:
            probed = addresses(str(job.get("params", "")))
            assert all("blackbox-exporter" in callers_by_policy(*target) for target in probed), file.name
            scraped = addresses(str(job.get("static_configs", "")))
            assert all("prometheus" in callers_by_policy(*target) for target in scraped), file.name
    assert "prometheus" in callers_by_policy("api", 8000)


def test_nothing_is_allowed_by_default_and_the_stores_are_reached_at_their_own_ports_only() -> None:
    assert POLICIES["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, ports in {"mysql": {3306}, "s3": {8333, 9327}}.items():
        assert {port["port"] for rule in POLICIES[name]["ingress"] for port in rule["ports"]} == ports
        assert all(rule["from"] for rule in POLICIES[name]["ingress"])
    assert callers_by_policy("s3", 9327) == {"prometheus"}
    assert set(POLICIES) == {*PODS, "default-deny", "inside", "kubernetes-api"}
    for name in PODS:
        assert POLICIES[name]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": name}}


def test_only_the_data_api_reaches_other_networks() -> None:
    assert [name for name, policy in POLICIES.items() if "ipBlock" in str(policy)] == ["ec2-api"]
    inside, names = POLICIES["inside"]["egress"]
    assert inside == {"to": [{"podSelector": {}}]}
    assert {port["port"] for port in names["ports"]} == {53}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("file", PLAIN_FILES, ids=lambda file: str(file.relative_to(ROOT / "k3s")))
def test_a_manifest_follows_the_schema_of_kubernetes(file: Path, version: str) -> None:
    for item in yaml.safe_load_all(file.read_text()):
        kubernetes_validate.validate(item, version, strict=True)
