"""The manifests of k3s as written: each service with its containers, ports, environment and mounted files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from k3s.manifests import WORKLOADS
from k3s.overlay import COMPONENTS
from tests.stack.compose_files import ROOT

BASE = ROOT / "k3s/base"
FOLDERS = (BASE, *(ROOT / "k3s" / name for name in COMPONENTS))
NOT_OBJECTS = ("kustomization.yaml", "patch.yaml", "names.yaml")
GENERATED_IN = (ROOT / "compose", ROOT / "grafana", BASE)
"""Folders whose kustomization generates ConfigMaps."""


@dataclass(frozen=True, slots=True)
class Pod:
    """The pods of a service. `kind`: Deployment or StatefulSet."""

    name: str
    kind: str
    spec: Mapping[str, Any]
    ports: Sequence[int]
    claims: Sequence[str]

    @property
    def container(self) -> Mapping[str, Any]:
        """The container of the service itself."""
        (container,) = self.spec["containers"]
        return container

    @property
    def containers(self) -> Sequence[Mapping[str, Any]]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables of the container, without the user's settings."""
        return environment(self.container)

    @property
    def gets_settings(self) -> bool:
        return {"configMapRef": {"name": "settings"}} in self.container.get("envFrom", ())

    @property
    def files(self) -> Mapping[str, str]:
        """Path in the container of each mounted file of the repository, and its path here."""
        maps = {item["name"]: item["configMap"]["name"] for item in self.spec.get("volumes", ()) if "configMap" in item}
        found = {}
        for mount in self.container.get("volumeMounts", ()):
            for key, file in config_map(maps[mount["name"]]).items() if mount["name"] in maps else ():
                if mount.get("subPath") in (None, key):
                    path = mount["mountPath"] if "subPath" in mount else f"{mount['mountPath']}/{key}"
                    found[path] = str(file.relative_to(ROOT))
        return found

    @property
    def secrets(self) -> Mapping[str, str]:
        """Path under /run/secrets of each secret, and its key."""
        sources = [source for item in self.spec.get("volumes", ()) for source in _sources(item)]
        volumes = [source["secret"] for source in sources if "secret" in source]
        return {item["path"]: item["key"] for volume in volumes for item in volume["items"]}


def _sources(volume: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    sources: Sequence[Mapping[str, Any]] = volume["projected"]["sources"] if "projected" in volume else [volume]
    return sources


def environment(container: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the variables of a container, without the user's settings."""
    sources = [item["configMapRef"]["name"] for item in container.get("envFrom", ())]
    generated = [pair for name in sources if name != "settings" for pair in env_file(name).items()]
    return dict([*generated, *((item["name"], item["value"]) for item in container.get("env", ()))])


def objects() -> Iterator[Mapping[str, Any]]:
    for file in (file for folder in FOLDERS for file in sorted(folder.glob("*.yaml"))):
        if file.name not in NOT_OBJECTS:
            yield from yaml.safe_load_all(file.read_text())


def pods() -> Mapping[str, Pod]:
    ports = {
        item["metadata"]["name"]: [port["port"] for port in item["spec"]["ports"]]
        for item in objects()
        if item["kind"] == "Service"
    }
    return {
        name: Pod(
            name,
            item["kind"],
            item["spec"]["template"]["spec"],
            ports[name],
            [claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", ())],
        )
        for item in objects()
        if item["kind"] in WORKLOADS and (name := item["metadata"]["name"])
    }


def env_file(name: str) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in (BASE / f"{name}.env").read_text().splitlines())


def config_map(name: str) -> Mapping[str, Path]:
    """Return the files of a generated ConfigMap by key."""
    for folder in GENERATED_IN:
        for generator in yaml.safe_load((folder / "kustomization.yaml").read_text())["configMapGenerator"]:
            if generator["name"] == name:
                return {Path(file).name: folder / file for file in generator.get("files", ())}
    raise KeyError(name)
