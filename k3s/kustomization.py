"""The overlay of k3s/base as a kustomization, which `just k3s::up` writes and applies."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from k3s.cluster import ROOT
from k3s.manifests import PART_OF
from k3s.overlay import Overlay
from readmit.stacks import atomic_file

ROOT_PATH = "../../../k3s"
"""The folder of the manifests, as seen from that of the overlay: kustomize allows no absolute paths."""
DELETE = yaml.safe_dump({"$patch": "delete", "apiVersion": "v1", "kind": "Any", "metadata": {"name": "any"}})
"""A patch that deletes its target; kustomize requires a kind and a name, and ignores them."""
PULL_SECRET = "registry-login"


def write(overlay: Overlay, folder: Path) -> None:
    """Write the overlay to its folder, which contains its secrets."""
    atomic_file.make_folder(folder)
    atomic_file.write(folder / "settings.env", "".join(f"{key}={text}\n" for key, text in overlay.variables.items()))
    atomic_file.write(folder / "registry-login.json", overlay.pull_secret)
    text = yaml.safe_dump(_kustomization(overlay, folder), sort_keys=False, width=120)
    atomic_file.write(folder / "kustomization.yaml", f"# Written by `just k3s::up`.\n{text}")


def write_without_settings(components: Sequence[str]) -> Path:
    """Write the base with components alone, and return the folder."""
    folder = ROOT / "var/check/k3s"
    atomic_file.make_folder(folder)
    fields = {"resources": [f"{ROOT_PATH}/base"], "components": [f"{ROOT_PATH}/{name}" for name in components]}
    atomic_file.write(folder / "kustomization.yaml", yaml.safe_dump(fields))
    return folder


def _kustomization(overlay: Overlay, folder: Path) -> Mapping[str, object]:
    files = [f"secrets/{file.name}" for file in sorted((folder / "secrets").iterdir()) if file.is_file()]
    secrets: list[Mapping[str, object]] = [{"name": "readmit", "files": files}]
    if overlay.pull_secret:
        login = ".dockerconfigjson=registry-login.json"
        secrets.append({"name": PULL_SECRET, "type": "kubernetes.io/dockerconfigjson", "files": [login]})
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": overlay.namespace,
        "resources": [f"{ROOT_PATH}/base"],
        "components": [f"{ROOT_PATH}/{name}" for name in _components(overlay)],
        "labels": [{"pairs": PART_OF}],
        "secretGenerator": secrets,
        "configMapGenerator": [{"name": "settings", "envs": ["settings.env"]}],
        "images": [_image(name, new) for name, new in overlay.images.items()],
        "patches": [
            *(*_deletions(overlay), *_annotations(overlay), *_pull_secrets(overlay)),
            *(*_hosts(overlay), *_api_servers(overlay)),
        ],
    }


def _components(overlay: Overlay) -> Sequence[str]:
    return [*overlay.components, *(["ingress"] if overlay.ingress_hosts else [])]


def _image(name: str, new: str) -> Mapping[str, str]:
    new_name, _, digest = new.partition("@")
    return {"name": name.rpartition(":")[0], "newName": new_name, "digest": digest}


def _deletions(overlay: Overlay) -> list[Mapping[str, object]]:
    return [{"target": {"name": name}, "patch": DELETE} for name in overlay.without]


def _annotations(overlay: Overlay) -> list[Mapping[str, object]]:
    """Annotate pods with the ids of our images, so that a rebuilt image is rolled out."""
    return [
        _json_patch(
            {"kind": workload.kind, "name": workload.name},
            "/spec/template/metadata/annotations",
            {"readmit/image-ids": " ".join(overlay.image_ids[image] for image in images)},
        )
        for workload in overlay.workloads
        if (images := [image for image in workload.images if image in overlay.image_ids])
    ]


def _pull_secrets(overlay: Overlay) -> list[Mapping[str, object]]:
    if not overlay.pull_secret:
        return []
    path, secret = "/spec/template/spec/imagePullSecrets", [{"name": PULL_SECRET}]
    return [_json_patch({"kind": kind}, path, secret) for kind in ("Deployment", "StatefulSet")]


def _hosts(overlay: Overlay) -> list[Mapping[str, object]]:
    patches = []
    for name in ("api", "ui"):
        target = {"kind": "Ingress", "name": name}
        if host := overlay.ingress_hosts.get(name):
            patches.append(_json_patch(target, "/spec/rules/0/host", host))
            patches.append(_json_patch(target, "/spec/tls/0/hosts", [host]))
        elif overlay.ingress_hosts:
            patches.append({"target": target, "patch": DELETE})
    return patches


def _api_servers(overlay: Overlay) -> list[Mapping[str, object]]:
    """Name the addresses of the cluster's API in the policy of what uses it."""
    if "jobs" not in overlay.components:
        return []
    egress = [
        {"to": [{"ipBlock": {"cidr": f"{address}/{128 if ':' in address else 32}"}}], "ports": [{"port": port}]}
        for address, port in overlay.api_servers
    ]
    return [_json_patch({"kind": "NetworkPolicy", "name": "kubernetes-api"}, "/spec/egress", egress)]


def _json_patch(target: Mapping[str, str], path: str, value: object) -> Mapping[str, object]:
    return {"target": target, "patch": yaml.safe_dump([{"op": "add", "path": path, "value": value}])}
