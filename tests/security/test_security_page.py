"""What docs/security.md says of services and secrets, held to the Compose files and to the code."""

import re
from pathlib import Path

from readmit.containers.secrets import ROTATED
from readmit.embedded.secret_rotation import NAMES
from tests.security.attack_table import PAGE
from tests.stack.compose_files import services

TEXT = PAGE.read_text()


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S)
    assert found is not None, title
    return found[1]


def test_each_published_service_is_listed_with_its_port() -> None:
    listed = dict(re.findall(r"^\| `([\w-]+)` \| (\d+)", section("Services and what they ask for"), re.M))
    published = {
        name: each.told["ports"][0].rpartition(":")[2] for name, each in services().items() if "ports" in each.told
    }
    assert listed.items() >= published.items()
    assert set(listed) - set(published) == {"s3", "mysql"}


def test_each_secret_that_can_be_rotated_is_listed() -> None:
    named = set(re.findall(r"`(\w+)`", section("Rotating a secret")))
    assert set(ROTATED) <= named
    assert {name for name in NAMES if not name.startswith("weed_")} <= named


def test_each_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not (Path(PAGE).parent / link).exists()] == []
