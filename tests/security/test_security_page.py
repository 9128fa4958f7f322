"""docs/security.md against the Compose files and the code: services and secrets."""

import re
from pathlib import Path

from readmit.containers.secrets import ROTATABLE_SECRETS
from readmit.embedded.secret_rotation import EMBEDDED_SECRETS
from tests.security.attack_table import PAGE
from tests.stack.compose_files import services

TEXT = PAGE.read_text()


def section(title: str) -> str:
    match = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    assert match is not None, title
    return match[1]


def test_each_published_service_is_listed_with_its_port() -> None:
    listed = dict(re.findall(r"^\| `([\w-]+)` \| (\d+)", section("Services and authentication"), re.M))
    published = {
        name: service.config["ports"][0].rpartition(":")[2]
        for name, service in services().items()
        if "ports" in service.config
    }
    assert listed.items() >= published.items()
    assert set(listed) - set(published) == {"s3", "mysql"}


def test_each_secret_that_can_be_rotated_is_listed() -> None:
    listed = set(re.findall(r"`(\w+)`", section("Rotating a secret")))
    assert set(ROTATABLE_SECRETS) <= listed
    assert {name for name in EMBEDDED_SECRETS if not name.startswith("weed_")} <= listed


def test_each_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not (Path(PAGE).parent / link).exists()] == []
