"""The template of the Kubernetes Jobs in which Prefect's work pool runs days: the pod of the flows, for one run each.

The pod is that of the Deployment `flows`, so that image, settings, secrets and limits are written once.
"""

from collections.abc import Mapping
from typing import Any

LEFT_OUT = {"migrate"}
"""Init containers of the flows that a day does not need."""
WORKER_FIELDS = {"args", "command", "ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle"}
"""Fields of the container that are those of the worker itself."""
KEPT_SECONDS = 3600
"""How long a Job is kept after its end. Its log is on Prefect's page."""
VARIABLES = {
    "name": {"type": "string", "title": "Name", "description": "start of the Job's name"},
    "command": {"type": "string", "title": "Command"},
    "labels": {"type": "object", "title": "Labels", "additionalProperties": {"type": "string"}},
    "annotations": {"type": "object", "title": "Annotations", "additionalProperties": {"type": "string"}},
    "env": {
        "type": "object",
        "title": "Environment",
        "additionalProperties": {"type": "string"},
        # Prefect passes all settings of the worker on, with this one from its profile: the login, in the Job's text.
        "default": {"PREFECT_SERVER_API_AUTH_STRING": ""},
    },
}
"""Variables of Prefect's template that a deployment may set, as JSON schemas."""


def job_template(pod_template: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """Return the base job template of the work pool. `pod_template`: that of the Deployment, as JSON."""
    annotations = pod_template["metadata"].get("annotations") or {}
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "generateName": "{{ name }}-",
            # With the name of the deployment in app.kubernetes.io/name, by which NetworkPolicies know its pods.
            "labels": "{{ labels }}",
            "annotations": "{{ annotations }}",
            "namespace": namespace,
        },
        "spec": {
            # Prefect, not Kubernetes, decides what a day does after its pod was lost.
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {
                "metadata": {"annotations": dict(annotations)},
                "spec": _pod(pod_template["spec"]),
            },
        },
    }
    placeholders = {name: f"{{{{ {name} }}}}" for name in VARIABLES}
    return {
        "variables": {"type": "object", "properties": VARIABLES},
        "job_configuration": {**placeholders, "namespace": namespace, "job_manifest": manifest},
    }


def _without_token(volume: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a volume without the token of Kubernetes and what belongs to it."""
    if "projected" not in volume:
        return volume
    projected = volume["projected"]
    return {
        **volume,
        "projected": {**projected, "sources": [item for item in projected["sources"] if "secret" in item]},
    }


def _pod(worker: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pod of a day. Unlike the worker, it has no access to Kubernetes."""
    (container,) = worker["containers"]
    own = {name: value for name, value in container.items() if name not in WORKER_FIELDS}
    return {
        **{name: value for name, value in worker.items() if name not in ("serviceAccount", "serviceAccountName")},
        "volumes": [_without_token(volume) for volume in worker["volumes"]],
        "restartPolicy": "Never",
        # Prefect requires both here, where Kubernetes ignores them.
        **{"completions": 1, "parallelism": 1},
        "initContainers": [item for item in worker["initContainers"] if item["name"] not in LEFT_OUT],
        # Prefect requires this name.
        "containers": [{**own, "name": "prefect-job"}],
    }
