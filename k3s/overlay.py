"""The overlay of k3s/base that `just k3s::up` writes to var/k3s and applies: settings, secrets, images, components."""

import base64
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import yaml

from k3s.cluster import NAMESPACE, ROOT
from k3s.cluster_settings import ClusterSettings
from k3s.manifests import PART_OF, Workload
from readmit.containers.secrets import UI_SECRETS
from readmit.settings import PREFIX
from readmit.stacks import atomic_file
from readmit.stacks.errors import StackError

FOLDER = ROOT / "var/k3s"
SECRETS = FOLDER / "secrets"
BASE = "../../k3s/base"
PASSED_ON = (
    *("ALLOWED_HOSTS", "COST_RATIO", "DAY_MAX_BATCHES", "MLFLOW_ALLOWED_HOSTS"),
    *("MODEL_POLL_SECONDS", "RETRY_DELAY_SECONDS", "SCHEDULE", "SOURCE_BATCH_SIZE", "SOURCE_DOWNLOAD_URL"),
    *("SOURCE_INTERVAL_SECONDS", "SOURCE_MENDED", "TARGET"),
)
"""Variables of the user that the pods get, as those of Compose do; and READMIT_DATA, as the path in the claim."""
UNSUPPORTED = ("database_url", "s3_url", "source_url", "ec2_instance_id", "ec2_tag", "alert_webhook")
"""Settings of external servers, which are not supported here."""
DATA_FOLDER = "/var/lib/readmit/data"
DELETE = yaml.safe_dump({"$patch": "delete", "apiVersion": "v1", "kind": "Any", "metadata": {"name": "any"}})
"""A patch that deletes its target; kustomize requires a kind and a name, and ignores them."""
PULL_SECRET = "registry-login"


@dataclass(frozen=True, slots=True)
class Overlay:
    """What the overlay adds to the base.

    `variables`: settings of the pods; `ingress_hosts`: by service; `pull_secret`: the registry's login in the format of
    ~/.docker/config.json, or empty; `images`: the name in the cluster of each of our images that has another one there;
    `image_ids`: by image; `workloads`: those that run our images.
    """

    variables: Mapping[str, str]
    without: Sequence[str] = ()
    ingress_hosts: Mapping[str, str] = field(default_factory=dict)
    pull_secret: str = field(default="", repr=False)
    images: Mapping[str, str] = field(default_factory=dict)
    image_ids: Mapping[str, str] = field(default_factory=dict)
    workloads: Sequence[Workload] = ()

    def with_images(self, ids: Mapping[str, str], names: Mapping[str, str], workloads: Sequence[Workload]) -> "Overlay":
        """Return this overlay with the images as they were built and delivered."""
        return replace(self, image_ids=ids, images=names, workloads=workloads)


def select_overlay(settings: ClusterSettings, environment: Mapping[str, str], without: Sequence[str]) -> Overlay:
    """Return the overlay that the settings select. Raises StackError when a setting is invalid or unsupported here."""
    if names := [f"{PREFIX}{name.upper()}" for name in UNSUPPORTED if name in settings.model_fields_set]:
        raise StackError(f"{names[0]} is set, but `just k3s::up` supports no external servers: unset it")
    variables = {
        f"{PREFIX}{name}": environment[f"{PREFIX}{name}"] for name in PASSED_ON if environment.get(f"{PREFIX}{name}")
    }
    if settings.data is not None:
        variables[f"{PREFIX}DATA"] = data_path(settings.data.expanduser())
    hosts = {"api": settings.ingress_api_host, "ui": settings.ingress_ui_host}
    selected = {name: host for name, host in hosts.items() if host}
    return Overlay(
        variables=_with_allowed_hosts(variables, settings, tuple(selected.values())),
        without=without,
        ingress_hosts=selected,
        pull_secret=_registry_login(settings),
    )


def data_path(file: Path) -> str:
    """Return the path of the user's data file in the claim of the data API, by content."""
    try:
        return f"{DATA_FOLDER}/{sha256(file.read_bytes()).hexdigest()[:16]}"
    except OSError as error:
        raise StackError(f"{PREFIX}DATA: {file}: {error.strerror}") from error


def require_sign_in(hosts: Mapping[str, str], settings: ClusterSettings, secrets: Path) -> None:
    """Raise StackError when a service would be reachable from other machines without a key or a sign-in."""
    if "api" in hosts and settings.api_key is None:
        raise StackError(f"{PREFIX}INGRESS_API_HOST is set, but {PREFIX}API_KEY is not: predictions would be public")
    if "ui" not in hosts:
        return
    file = (secrets / UI_SECRETS).relative_to(ROOT)
    try:
        has_sign_in = "auth" in tomllib.loads((secrets / UI_SECRETS).read_text())
    except tomllib.TOMLDecodeError as error:
        raise StackError(f"{file}: {error}") from error
    if not has_sign_in:
        raise StackError(f"{PREFIX}INGRESS_UI_HOST is set, but {file} has no [auth] section, by which users sign in")


def write(overlay: Overlay) -> None:
    """Write the overlay with all secrets of SECRETS."""
    atomic_file.make_folder(FOLDER)
    atomic_file.write(FOLDER / "settings.env", "".join(f"{key}={text}\n" for key, text in overlay.variables.items()))
    atomic_file.write(FOLDER / "registry-login.json", overlay.pull_secret)
    text = yaml.safe_dump(_kustomization(overlay), sort_keys=False, width=120)
    atomic_file.write(FOLDER / "kustomization.yaml", f"# Written by `just k3s::up`.\n{text}")


def _kustomization(overlay: Overlay) -> Mapping[str, object]:
    secrets = [
        {"name": "readmit", "files": [f"secrets/{file.name}" for file in sorted(SECRETS.iterdir()) if file.is_file()]}
    ]
    if overlay.pull_secret:
        file = ".dockerconfigjson=registry-login.json"
        secrets.append({"name": PULL_SECRET, "type": "kubernetes.io/dockerconfigjson", "files": [file]})
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": NAMESPACE,
        "resources": [BASE],
        "components": ["../../k3s/ingress"] if overlay.ingress_hosts else [],
        "labels": [{"pairs": PART_OF}],
        "secretGenerator": secrets,
        "configMapGenerator": [{"name": "settings", "envs": ["settings.env"]}],
        "images": [_image(name, new) for name, new in overlay.images.items()],
        "patches": [*_deletions(overlay), *_annotations(overlay), *_pull_secrets(overlay), *_hosts(overlay)],
    }


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


def _json_patch(target: Mapping[str, str], path: str, value: object) -> Mapping[str, object]:
    return {"target": target, "patch": yaml.safe_dump([{"op": "add", "path": path, "value": value}])}


def _with_allowed_hosts(variables: dict[str, str], settings: ClusterSettings, hosts: Sequence[str]) -> dict[str, str]:
    """Return the variables in which the ingress's hosts are accepted as well."""
    if not hosts:
        return variables
    return {**variables, f"{PREFIX}ALLOWED_HOSTS": ",".join(dict.fromkeys((*settings.allowed_hosts, *hosts)))}


def _registry_login(settings: ClusterSettings) -> str:
    """Return the login of the registry, without others of its file. Raises StackError when the file has none for it."""
    if settings.registry_login is None:
        return ""
    variable, file = f"{PREFIX}REGISTRY_LOGIN", settings.registry_login.expanduser()
    if settings.registry is None:
        raise StackError(f"{variable} is set, but {PREFIX}REGISTRY is not")
    host = settings.registry.partition("/")[0]
    try:
        login = json.loads(file.read_text())["auths"][host]["auth"]
        base64.b64decode(login, validate=True)
    except OSError as error:
        raise StackError(f"{variable}: {file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StackError(
            f"{variable}: {file} has no login for {host} in auths.{host}.auth (perhaps a credential helper keeps it)"
        ) from error
    return json.dumps({"auths": {host: {"auth": login}}})
