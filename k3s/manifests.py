"""Kubernetes manifests as kustomize renders them, as far as they are needed to deliver images and to wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from k3s.cluster import Cluster

PART_OF = {"app.kubernetes.io/part-of": "readmit"}
"""The label of every object of the stack."""
WORKLOADS = ("Deployment", "StatefulSet")


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or StatefulSet. `images`: of all its containers, each once."""

    kind: str
    name: str
    images: Sequence[str]


@dataclass(frozen=True, slots=True)
class Manifests:
    """Rendered objects. `text`: as YAML; `names`: (kind, name) of each."""

    text: str
    names: frozenset[tuple[str, str]]
    workloads: Sequence[Workload]

    @property
    def images(self) -> Sequence[str]:
        """Return the images of all workloads, each once, sorted."""
        return sorted({image for workload in self.workloads for image in workload.images})


def render(cluster: Cluster, folder: Path) -> Manifests:
    """Render a kustomization. Raises StackError when kustomize rejects it."""
    text = cluster.output("kustomize", str(folder))
    objects = [item for item in yaml.safe_load_all(text) if item]
    names = frozenset((str(item["kind"]), str(item["metadata"]["name"])) for item in objects)
    return Manifests(text, names, [_workload(item) for item in objects if item["kind"] in WORKLOADS])


def _workload(item: Mapping[str, Any]) -> Workload:
    pod = item["spec"]["template"]["spec"]
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    images = dict.fromkeys(str(container["image"]) for container in containers)
    return Workload(str(item["kind"]), str(item["metadata"]["name"]), tuple(images))
