"""What `just k3s::up` adds to k3s/base, from the settings and the options: variables, components, hosts, a login."""

import base64
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from k3s.cluster import ROOT
from k3s.cluster_settings import ClusterSettings
from k3s.manifests import Workload
from readmit.containers.secrets import UI_SECRETS
from readmit.settings import PREFIX
from readmit.stacks.errors import StackError

COMPONENTS = ("airflow", "jobs", "locust")
"""Components that are off by default, each a folder of k3s."""
OPTIONAL = ("alertmanager", "grafana", "ui")
"""Services that can be left out."""
PASSED_ON = (
    *("AIRFLOW_SCHEDULE", "ALLOWED_HOSTS", "COST_RATIO", "DAY_MAX_BATCHES", "MLFLOW_ALLOWED_HOSTS"),
    *(
        "MODEL_POLL_SECONDS",
        "RETRY_DELAY_SECONDS",
        "SCHEDULE",
        "SOURCE_BATCH_SIZE",
        "SOURCE_DOWNLOAD_URL",
        "TRAIN_MEMORY_MB",
    ),
    *("SOURCE_INTERVAL_SECONDS", "SOURCE_MENDED", "TARGET"),
)
"""Variables of the user that the pods get, as those of Compose do; and READMIT_DATA, as the path in the claim."""
UNSUPPORTED = ("database_url", "s3_url", "source_url", "ec2_instance_id", "ec2_tag", "alert_webhook")
"""Settings of external servers, which are not supported here."""
DATA_FOLDER = "/var/lib/readmit/data"


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is added to the base.

    `variables`: settings of the pods; `components`: of COMPONENTS; `without`: services to leave out; `api_servers`:
    addresses and ports of the cluster's API; `ingress_hosts`: by service; `pull_secret`: the registry's login in the
    format of ~/.docker/config.json, or empty; `images`: the name in the cluster of each of our images that has another
    one there; `image_ids`: by image; `workloads`: those that run our images.
    """

    namespace: str
    variables: Mapping[str, str]
    components: Sequence[str] = ()
    without: Sequence[str] = ()
    api_servers: Sequence[tuple[str, int]] = ()
    ingress_hosts: Mapping[str, str] = field(default_factory=dict)
    pull_secret: str = field(default="", repr=False)
    images: Mapping[str, str] = field(default_factory=dict)
    image_ids: Mapping[str, str] = field(default_factory=dict)
    workloads: Sequence[Workload] = ()

    def with_images(self, ids: Mapping[str, str], names: Mapping[str, str], workloads: Sequence[Workload]) -> "Overlay":
        """Return this overlay with the images as they were built and delivered."""
        return replace(self, image_ids=ids, images=names, workloads=workloads)


def select_overlay(
    settings: ClusterSettings, environment: Mapping[str, str], without: Sequence[str], components: Sequence[str] = ()
) -> Overlay:
    """Return the overlay that the settings select. Raises StackError when a setting is invalid or unsupported here."""
    if names := [f"{PREFIX}{name.upper()}" for name in UNSUPPORTED if name in settings.model_fields_set]:
        raise StackError(f"{names[0]} is set, but `just k3s::up` supports no external servers: unset it")
    variables = {
        f"{PREFIX}{name}": environment[f"{PREFIX}{name}"] for name in PASSED_ON if environment.get(f"{PREFIX}{name}")
    }
    if settings.data is not None:
        variables[f"{PREFIX}DATA"] = data_path(settings.data)
    hosts = {"api": settings.ingress_api_host, "ui": settings.ingress_ui_host}
    selected = {name: host for name, host in hosts.items() if host}
    return Overlay(
        namespace=settings.namespace,
        components=tuple(dict.fromkeys(components)),
        variables=_with_allowed_hosts(variables, settings, tuple(selected.values())),
        without=without,
        ingress_hosts=selected,
        pull_secret=_registry_login(settings),
    )


def folder_of(namespace: str) -> Path:
    """Return the folder of the overlay and of its secrets."""
    return ROOT / "var/k3s" / namespace


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


def _with_allowed_hosts(variables: dict[str, str], settings: ClusterSettings, hosts: Sequence[str]) -> dict[str, str]:
    """Return the variables in which the ingress's hosts are accepted as well."""
    if not hosts:
        return variables
    return {**variables, f"{PREFIX}ALLOWED_HOSTS": ",".join(dict.fromkeys((*settings.allowed_hosts, *hosts)))}


def _registry_login(settings: ClusterSettings) -> str:
    """Return the login of the registry, without others of its file. Raises StackError when the file has none for it."""
    if settings.registry_login is None:
        return ""
    variable, file = f"{PREFIX}REGISTRY_LOGIN", settings.registry_login
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
