"""The Jobs of Prefect's work pool: the pod of the flows for one run each, made by Prefect's own classes."""

from copy import deepcopy
from typing import Any
from uuid import uuid4

import kubernetes_validate
import pytest
import yaml
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_SERVER_API_AUTH_STRING, temporary_settings
from prefect.utilities.templating import apply_values, find_placeholders
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

from flows.daily import daily, train
from flows.job_template import VARIABLES, job_template
from flows.job_worker import POOL
from k3s.__main__ import JOBS
from readmit.containers.secrets import PREFECT_LOGIN
from tests.stack.compose_files import ROOT
from tests.stack.k3s_files import objects
from tests.stack.test_k3s import PODS, VERSIONS, addresses, callers_by_policy

(FLOWS,) = [item for item in objects() if item["kind"] == "Deployment" and item["metadata"]["name"] == "flows"]
POD_TEMPLATE = FLOWS["spec"]["template"]
TOKEN = {"serviceAccountToken": {"path": "kubernetes.io/serviceaccount/token"}}
PATCH = yaml.safe_load((ROOT / "k3s/jobs/patch.yaml").read_text())["spec"]["template"]["spec"]


def configuration_of_a_run(env: dict[str, str]) -> KubernetesWorkerJobConfiguration:
    """Return what Prefect makes of the template for a run."""
    spec = {**deepcopy(POD_TEMPLATE["spec"]), **{name: value for name, value in PATCH.items() if name != "containers"}}
    spec["volumes"][1]["projected"]["sources"].append(TOKEN)
    template = job_template({**POD_TEMPLATE, "spec": spec}, "readmit")
    assert template["variables"]["properties"].keys() == {
        item.name for item in find_placeholders(template["job_configuration"])
    }
    values = {"name": "daily-1", "command": "prefect flow-run execute", "env": env, "labels": {"run": "1"}}
    return KubernetesWorkerJobConfiguration(**apply_values(template["job_configuration"], values))


@pytest.fixture
def job() -> dict[str, Any]:
    """The manifest of the Job that Prefect creates for a run."""
    return configuration_of_a_run({"A": "1"}).job_manifest


def test_a_job_is_the_pod_of_the_flows_without_access_to_kubernetes(job: dict[str, Any]) -> None:
    pod, flows = job["spec"]["template"]["spec"], POD_TEMPLATE["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod
    assert (pod["securityContext"], pod["volumes"]) == (flows["securityContext"], flows["volumes"])
    (container,), (served,) = pod["containers"], flows["containers"]
    for name in ("image", "imagePullPolicy", "securityContext", "envFrom", "resources", "volumeMounts"):
        assert container[name] == served[name], name
    assert not {"startupProbe", "readinessProbe", "livenessProbe", "ports"} & set(container)
    assert [item["name"] for item in pod["initContainers"]] == ["await-stores", "await-services"]


def test_the_policies_name_the_pods_of_each_deployment() -> None:
    reached = addresses(" ".join(PODS["flows"].environment.values()))
    assert len(reached) > 5
    for flow in (daily, train):
        deployment = DeploymentResponse(name=flow.name, flow_id=uuid4())
        name = KubernetesWorkerJobConfiguration._base_deployment_labels(deployment)["app.kubernetes.io/name"]
        assert {target for target in reached if name not in callers_by_policy(*target)} == set()


def test_no_setting_of_a_job_contains_prefects_login_but_for_the_one_that_the_worker_replaces() -> None:
    login = {PREFECT_API_AUTH_STRING: "admin:login", PREFECT_SERVER_API_AUTH_STRING: "admin:login"}
    configuration = configuration_of_a_run(VARIABLES["env"]["default"])
    with temporary_settings(login):
        configuration.prepare_for_flow_run(FlowRun(flow_id=uuid4(), name="a run"))
    (container,) = configuration.job_manifest["spec"]["template"]["spec"]["containers"]
    names = [item["name"] for item in container["env"] if "login" in str(item.get("value"))]
    assert names == ["PREFECT_API_AUTH_STRING"]
    settings = {item["name"]: item.get("value") for item in PATCH["containers"][0]["env"]}
    prefix = "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET"
    assert (settings[f"{prefix}_NAME"], settings[f"{prefix}_KEY"]) == ("readmit", PREFECT_LOGIN)


def test_the_jobs_that_are_deleted_are_those_of_the_work_pool() -> None:
    assert f"prefect.io/work-pool-name={POOL}" == JOBS


@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_follows_the_schema_of_kubernetes(version: str, job: dict[str, Any]) -> None:
    for ignored in ("completions", "parallelism"):
        del job["spec"]["template"]["spec"][ignored]
    kubernetes_validate.validate(job, version, strict=True)
