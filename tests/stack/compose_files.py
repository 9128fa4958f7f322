"""The Compose files as written: each service merged with what it extends, and the comment above it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose"


PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


class _Loader(yaml.SafeLoader):
    """A loader that ignores Compose's own tags, which only matter when files are merged."""


for tag in ("!reset", "!override"):
    _Loader.add_constructor(tag, lambda _loader, _node: None)


@dataclass(frozen=True, slots=True)
class Service:
    """A service. `config`: its merged configuration; `description`: the comment above it."""

    name: str
    file: str
    config: dict[str, Any]
    description: str

    @property
    def is_long_running(self) -> bool:
        return str(self.config["restart"]) == "unless-stopped"

    @property
    def environment(self) -> dict[str, object]:
        """Its variables, without those that keep Docker's proxies away, of which Kubernetes passes none."""
        variables: dict[str, object] = self.config.get("environment", {})
        return {name: value for name, value in variables.items() if name not in PROXIES}


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(file.read_text(), _Loader)
    return content


def included_files() -> list[Path]:
    return [ROOT / file for file in read(ROOT / "compose.yaml")["include"]]


def services() -> dict[str, Service]:
    """Every service of the stack, by name."""
    result = [
        _service(name, config, file)
        for file in included_files()
        for name, config in read(file).get("services", {}).items()
    ]
    assert len({service.name for service in result}) == len(result)
    return {service.name: service for service in result}


def _service(name: str, config: dict[str, Any], file: Path) -> Service:
    above = re.search(rf"^((?:  #.*\n)*)  {re.escape(name)}:$", file.read_text(), re.MULTILINE)
    head = re.match(r"# (.*)", file.read_text())
    description = (above and above[1].strip(" #\n")) or (head and head[1]) or ""
    return Service(name, file.name, _extended(config, file), description)


def _extended(config: dict[str, Any], file: Path) -> dict[str, Any]:
    if "extends" not in config:
        return config
    extends = config["extends"] if isinstance(config["extends"], dict) else {"service": config["extends"]}
    base_file = file.parent / extends.get("file", file.name)
    base = _extended(read(base_file)["services"][extends["service"]], base_file)
    merged = {**base, **config}
    for name in ("environment", "depends_on"):
        if name in base and name in config:
            merged[name] = {**base[name], **config[name]}
    for name in ("secrets", "tmpfs"):
        if name in base and name in config:
            merged[name] = [*base[name], *config[name]]
    return merged
