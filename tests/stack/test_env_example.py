"""`.env.example` documents every setting with its default, and nothing else."""

import re
from pathlib import Path

from ec2_api import settings as source_settings
from k3s.cluster_settings import ClusterSettings
from readmit.settings import PREFIX

ROOT = Path(__file__).parents[2]
DOCUMENTED = dict(re.findall(r"^# ([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
LOAD = ROOT / "locust/target.py"
SHARED = {f"{PREFIX}DATA", f"{PREFIX}ALLOWED_HOSTS"}
"""Settings of both services, documented once; their defaults may differ by service."""
COMPOSE_FILES = sorted((ROOT / "compose").glob("*.yaml"))


def test_every_setting_is_documented_with_its_default_and_description() -> None:
    text = (ROOT / ".env.example").read_text()
    for name, field in ClusterSettings.model_fields.items():
        variable = str(field.validation_alias or f"{PREFIX}{name.upper()}")
        default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
        assert DOCUMENTED[variable] == ("" if default is None else str(default)), variable
        assert field.description
        assert f"# {field.description}\n# {variable}=" in text


def test_every_setting_of_the_data_api_is_documented_with_its_default() -> None:
    ours = source_settings.load({})
    names = set(re.findall(r'"(READMIT_[A-Z_]+)"', Path(source_settings.__file__).read_text()))
    assert names >= SHARED
    for name in names - SHARED:
        value = getattr(ours, name.removeprefix(PREFIX).removeprefix("SOURCE_").lower())
        assert DOCUMENTED[name] in ("", str(value)), name


def test_every_port_of_the_containers_is_documented_with_its_default() -> None:
    used = [pair for file in COMPOSE_FILES for pair in re.findall(r"\$\{(READMIT_\w+_PORT):-(\d+)\}", file.read_text())]
    assert used
    for name, default in used:
        assert DOCUMENTED[name] == default


def test_no_unused_setting_is_documented() -> None:
    own = {
        str(field.validation_alias or f"{PREFIX}{name.upper()}") for name, field in ClusterSettings.model_fields.items()
    }
    data_api = set(re.findall(r'"(READMIT_[A-Z_]+)"', Path(source_settings.__file__).read_text()))
    containers = {name for file in COMPOSE_FILES for name in re.findall(r"\$\{(READMIT_\w+_PORT)", file.read_text())}
    load = set(re.findall(r'"(READMIT_[A-Z_]+)"', LOAD.read_text()))
    assert set(DOCUMENTED) == own | data_api | containers | {name.removesuffix("_FILE") for name in load}
