"""The Compose files as they are written: each service with what it extends, and the text that stands above it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose"


class _Loader(yaml.SafeLoader):
    """Compose's own tags are for who merges files; here they count for nothing."""


for tag in ("!reset", "!override"):
    _Loader.add_constructor(tag, lambda _loader, _node: None)


@dataclass(frozen=True, slots=True)
class Service:
    """`told`: all that the files say of it; `sentence`: the comment above it."""

    name: str
    file: str
    told: dict[str, Any]
    sentence: str

    @property
    def runs_for_long(self) -> bool:
        return str(self.told["restart"]) == "unless-stopped"

    @property
    def environment(self) -> dict[str, object]:
        found: dict[str, object] = self.told.get("environment", {})
        return found


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(file.read_text(), _Loader)
    return found


def included() -> list[Path]:
    return [ROOT / file for file in read(ROOT / "compose.yaml")["include"]]


def services() -> dict[str, Service]:
    """Every service of the stack, by name."""
    found = [_service(name, told, file) for file in included() for name, told in read(file).get("services", {}).items()]
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}


def _service(name: str, told: dict[str, Any], file: Path) -> Service:
    above = re.search(rf"^((?:  #.*\n)*)  {re.escape(name)}:$", file.read_text(), re.MULTILINE)
    head = re.match(r"# (.*)", file.read_text())
    said = (above and above[1].strip(" #\n")) or (head and head[1]) or ""
    return Service(name, file.name, _extended(told, file), said)


def _extended(told: dict[str, Any], file: Path) -> dict[str, Any]:
    if "extends" not in told:
        return told
    asked = told["extends"] if isinstance(told["extends"], dict) else {"service": told["extends"]}
    base_file = file.parent / asked.get("file", file.name)
    base = _extended(read(base_file)["services"][asked["service"]], base_file)
    merged = {**base, **told}
    for name in ("environment", "depends_on"):
        if name in base and name in told:
            merged[name] = {**base[name], **told[name]}
    for name in ("secrets", "tmpfs"):
        if name in base and name in told:
            merged[name] = [*base[name], *told[name]]
    return merged
