"""`just k3s::up`: build and deliver the images, apply the overlay, wait until every pod is ready, start a day."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from k3s import image_delivery, kustomization, overlay, source_data
from k3s.cluster import Cluster, cluster_of, forwarded
from k3s.cluster_settings import ClusterSettings
from k3s.cluster_status import fetch_days
from k3s.commands import prefect_login
from k3s.manifests import PART_OF, Manifests, render
from readmit.containers import flow_runs, preflight, secrets
from readmit.containers.flow_runs import PrefectServer
from readmit.stacks.errors import StackError

TIMEOUT_SECONDS, POLL_SECONDS = 900.0, 1.0
SELECTOR = "=".join(*PART_OF.items())
PRUNED_KINDS = {
    **{"Deployment": "deployments", "StatefulSet": "statefulsets", "Service": "services", "ConfigMap": "configmaps"},
    **{"Secret": "secrets", "NetworkPolicy": "networkpolicies", "Ingress": "ingresses"},
    **{"HorizontalPodAutoscaler": "horizontalpodautoscalers", "PodDisruptionBudget": "poddisruptionbudgets"},
    **{"ServiceAccount": "serviceaccounts", "Role": "roles", "RoleBinding": "rolebindings"},
}
"""Kinds of objects that are deleted when the overlay no longer has them. Claims, which have the data, are not."""


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """`without`: services to leave out; `components`: what to add; `with_day`: whether to start the first day."""

    without: Sequence[str]
    with_day: bool
    components: Sequence[str] = ()


def up(options: RolloutOptions, settings: ClusterSettings, environment: Mapping[str, str], terminal: Console) -> None:
    """Bring the stack up on the cluster. Raises StackError when a requirement is missing or a pod is not ready."""
    cluster = cluster_of(settings)
    cluster.output("get", "nodes")
    preflight.require_engine()
    selected = overlay.select_overlay(settings, environment, options.without, options.components)
    secrets_folder = overlay.folder_of(settings.namespace) / "secrets"
    _require_secrets_of_data(cluster, secrets_folder)
    key = {"api_key": "" if settings.api_key is None else settings.secret("api_key")}
    secrets.create_missing(secrets_folder, {}, key)
    overlay.require_sign_in(selected.ingress_hosts, settings, secrets_folder)
    selected = replace(selected, api_servers=cluster.api_servers())
    manifests = _write_with_images(selected, cluster, settings, terminal)
    cluster.output("apply", "--server-side", "--force-conflicts", "--filename", "-", standard_input=manifests.text)
    _wait(cluster, manifests, selected.variables, settings, terminal)
    # Last: until then, pods of the former template use the former secrets and files.
    prune(cluster, manifests.names, terminal)
    if options.with_day:
        _start_first_day(cluster, terminal)


def _require_secrets_of_data(cluster: Cluster, folder: Path) -> None:
    """Raise StackError when the cluster has data, but the secrets that they were stored with are not here."""
    if not (folder / "key_secret").exists() and cluster.objects("persistentvolumeclaims"):
        raise StackError(
            f"the cluster has data of an earlier `just k3s::up`, but {folder} lacks their secrets: copy that "
            "folder from where it ran"
        )


def _write_with_images(
    selected: overlay.Overlay, cluster: Cluster, settings: ClusterSettings, terminal: Console
) -> Manifests:
    """Write the overlay, deliver the images that it names, write it with their ids, and return it rendered."""
    folder = overlay.folder_of(selected.namespace)
    kustomization.write(selected, folder)
    manifests = render(cluster, folder)
    ours = [image for image in manifests.images if image.startswith(image_delivery.OUR_IMAGES)]
    image_delivery.build([image.removeprefix(image_delivery.OUR_IMAGES).partition(":")[0] for image in ours])
    ids, names = image_delivery.image_ids(manifests.images), {}
    if settings.registry is not None:
        names = dict(image_delivery.push(ours, settings.registry))
    elif imported := image_delivery.import_missing(ids, cluster):
        terminal.print(f"Imported into k3s: {', '.join(imported)}", soft_wrap=True)
    own_ids = {image: ids[image] for image in ours}
    kustomization.write(selected.with_images(own_ids, names, manifests.workloads), folder)
    return render(cluster, folder)


def prune(cluster: Cluster, keep: frozenset[tuple[str, str]], terminal: Console) -> None:
    """Delete the objects of the stack that are not to be kept."""
    kinds = ",".join(PRUNED_KINDS.values())
    for item in cluster.objects(kinds, "--selector", SELECTOR):
        kind, name = str(item["kind"]), str(item["metadata"]["name"])
        if (kind, name) not in keep:
            cluster.output("delete", PRUNED_KINDS[kind], name, "--wait=false")
            terminal.print(f"Deleted {kind.lower()} {name}", markup=False)


def _wait(
    cluster: Cluster,
    manifests: Manifests,
    variables: Mapping[str, str],
    settings: ClusterSettings,
    terminal: Console,
) -> None:
    """Wait until every workload is rolled out; copy the user's data file when its pod waits for it.

    Raises StackError, after the state of each pod that is not ready, when it takes too long.
    """
    deadline, printed = time.monotonic() + TIMEOUT_SECONDS, None
    while waiting := unready(cluster, manifests):
        if time.monotonic() > deadline:
            terminal.print(cluster.output("get", "pods", "--output", "wide"), markup=False)
            raise StackError(f"not ready after {TIMEOUT_SECONDS:.0f} s: {', '.join(waiting)}; see `just k3s::status`")
        if settings.data is not None:
            source_data.copy_if_awaited(cluster, settings.data, variables["READMIT_DATA"])
        if waiting != printed:
            terminal.print(f"Waiting for {', '.join(waiting)}", soft_wrap=True)
            printed = waiting
        time.sleep(POLL_SECONDS)


def unready(cluster: Cluster, manifests: Manifests) -> Sequence[str]:
    """Return the names of the workloads that are not rolled out, sorted."""
    items = {(item["kind"], item["metadata"]["name"]): item for item in cluster.objects("deployments,statefulsets")}
    names = {(workload.kind, workload.name) for workload in manifests.workloads}
    return sorted(name for kind, name in names if not _is_rolled_out(items.get((kind, name))))


def _is_rolled_out(item: Mapping[str, Any] | None) -> bool:
    """Return whether all pods of a workload are ready and have its present template."""
    if item is None:
        return False
    status, desired = item["status"], item["spec"]["replicas"]
    is_current = status.get("observedGeneration") == item["metadata"]["generation"]
    updated = status.get("updatedReplicas", 0) if "updateRevision" not in status else _updated(status)
    has_all = updated == status.get("replicas", 0) == status.get("readyReplicas", 0) == desired
    return bool(is_current and has_all)


def _updated(status: Mapping[str, Any]) -> int:
    """Return how many pods of a StatefulSet have its present template; the count is absent after a full update."""
    is_complete = status["updateRevision"] == status.get("currentRevision")
    return int(status.get("replicas", 0) if is_complete else status.get("updatedReplicas", 0))


def _start_first_day(cluster: Cluster, terminal: Console) -> None:
    if fetch_days(cluster).done:
        return
    with forwarded(cluster, "prefect", 4200) as address:
        run = flow_runs.start(PrefectServer(address, prefect_login(cluster)), {"max_batches": 1})
    terminal.print(f"The first day has started: {run.name}. `just k3s::open` makes Prefect's page available.")
