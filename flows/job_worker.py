"""`python -m flows.job_worker`: execute each run as a Kubernetes Job, by Prefect's own worker, until SIGTERM.

It runs in the pod of the Deployment `flows`, with the right to read that Deployment and to manage Jobs.
"""

import asyncio
import signal
import ssl
from collections.abc import Mapping
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, AppsV1Api
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect_kubernetes.worker import KubernetesWorker

from flows import notifications
from flows.deployments import deployments
from flows.job_template import job_template

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
POOL, DEPLOYMENT = "kubernetes", "flows"
MAX_JOBS = 4
"""How many runs the work pool starts at once, unless its limit is changed on Prefect's page."""


def accept_older_certificates() -> None:
    """Accept a cluster's CA certificate that lacks extensions which Python requires since 3.13.

    The chain and the host name are verified all the same. Clusters that were made before, such as those of MicroK8s
    until 2026, have such a certificate, and the clients of Kubernetes have no common setting:
    https://github.com/kubernetes-client/python/issues/2394
    """
    create = ssl.create_default_context

    @wraps(create)
    def create_without_strict(
        purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH,
        *,
        cafile: str | None = None,
        capath: str | None = None,
        cadata: str | bytes | None = None,
    ) -> ssl.SSLContext:
        context = create(purpose, cafile=cafile, capath=capath, cadata=cadata)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    ssl.create_default_context = create_without_strict  # type: ignore[assignment]


async def read_pod_template(namespace: str) -> Mapping[str, Any]:
    """Return the pod template of the Deployment that this process runs in, as JSON."""
    config.load_incluster_config()  # type: ignore[no-untyped-call]
    async with ApiClient() as client:
        deployment = await AppsV1Api(client).read_namespaced_deployment(DEPLOYMENT, namespace)
        template: Mapping[str, Any] = client.sanitize_for_serialization(deployment.spec.template)
    return template


def sync_work_pool(template: dict[str, Any]) -> None:
    """Create the work pool, or update its template."""
    with get_client(sync_client=True) as client:
        try:
            client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))
        except ObjectNotFound:
            client.create_work_pool(
                WorkPoolCreate(name=POOL, type="kubernetes", base_job_template=template, concurrency_limit=MAX_JOBS)
            )


def main() -> None:
    """Create or update the automations, the work pool and the deployments, and poll for runs until SIGTERM."""
    accept_older_certificates()
    notifications.sync_automations()
    namespace = NAMESPACE_FILE.read_text()
    sync_work_pool(job_template(asyncio.run(read_pod_template(namespace)), namespace))
    for deployment in deployments():
        deployment.apply(work_pool_name=POOL)
    # It stops at once: the Jobs go on, and the next worker knows them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    worker = KubernetesWorker(work_pool_name=POOL, create_pool_if_not_found=False)
    with suppress(KeyboardInterrupt):
        asyncio.run(worker.start(with_healthcheck=True))


if __name__ == "__main__":
    main()
