"""The Jobs of Prefect's work pool: the pod of the flows for one run each, made by Prefect's own classes."""

from copy import deepcopy
from typing import Any
from uuid import uuid4

import kubernetes_validate
import pytest
import yaml
from prefect.client.schemas.responses import DeploymentResponse
from prefect.utilities.templating import apply_values, find_placeholders
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

from flows.daily import daily, train
from flows.job_template import job_template
from tests.stack.compose_files import ROOT
from tests.stack.k3s_files import objects
from tests.stack.test_k3s import VERSIONS, callers_by_policy

(FLOWS,) = [item for item in objects() if item["kind"] == "Deployment" and item["metadata"]["name"] == "flows"]
POD_TEMPLATE = FLOWS["spec"]["template"]
TOKEN = {"serviceAccountToken": {"path": "kubernetes.io/serviceaccount/token"}}
PATCH = yaml.safe_load((ROOT / "k3s/jobs/patch.yaml").read_text())["spec"]["template"]["spec"]


@pytest.fixture
def job() -> dict[str, Any]:
    """The manifest of the Job that Prefect creates for a run."""
    spec = {**deepcopy(POD_TEMPLATE["spec"]), **{name: value for name, value in PATCH.items() if name != "containers"}}
    spec["volumes"][1]["projected"]["sources"].append(TOKEN)
    template = job_template({**POD_TEMPLATE, "spec": spec}, "readmit")
    assert template["variables"]["properties"].keys() == {
        item.name for item in find_placeholders(template["job_configuration"])
    }
    values = {"name": "daily-1", "command": "prefect flow-run execute", "env": {"A": "1"}, "labels": {"run": "1"}}
    populated = apply_values(template["job_configuration"], values)
    return KubernetesWorkerJobConfiguration(**populated).job_manifest


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
    flows = callers_by_policy("pushgateway", 9091)
    for flow in (daily, train):
        deployment = DeploymentResponse(name=flow.name, flow_id=uuid4())
        labels = KubernetesWorkerJobConfiguration._base_deployment_labels(deployment)
        assert labels["app.kubernetes.io/name"] in flows


@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_follows_the_schema_of_kubernetes(version: str, job: dict[str, Any]) -> None:
    for ignored in ("completions", "parallelism"):
        del job["spec"]["template"]["spec"][ignored]
    kubernetes_validate.validate(job, version, strict=True)
