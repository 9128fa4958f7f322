"""What the README says can be done as it stands there."""

import json
import re
from pathlib import Path

from readmit.core.request import parse
from readmit.pipeline import STEPS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MEASURED = re.compile(r"<!-- footprint -->.*<!-- /footprint -->", re.DOTALL)
"""A table that a recipe writes."""


def recipes(file: Path) -> set[str]:
    """Those of a file, and of its modules as module::recipe."""
    text = file.read_text()
    found = set(re.findall(r"^([a-z]\w*)(?: [^:\n]*)?:(?!=)", text, re.MULTILINE))
    for module, path in re.findall(r'^mod (\w+) "(.+)"', text, re.MULTILINE):
        found |= {f"{module}::{name}" for name in recipes(file.parent / path)}
    return found


RECIPES = recipes(ROOT / "justfile")


def test_it_is_short_and_begins_with_the_two_commands() -> None:
    assert len(MEASURED.sub("", README).splitlines()) <= 130
    commands = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert commands[0].strip().endswith("pip install uv rust-just && just demo")
    assert commands[1].strip() == "just test"


def test_its_table_has_the_steps_of_the_day_in_order_each_with_its_file() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\((\S+)\)", README, re.MULTILINE)
    assert rows == [(step.name, f"src/readmit/steps/{step.name}.py") for step in STEPS]


def test_every_recipe_that_it_names_exists() -> None:
    named = set(re.findall(r"\bjust ([a-z]\w*(?:::\w+)?)", README)) - {"lists"}
    assert {"demo", "test", "local", "day", "step"} <= named
    assert named <= RECIPES


def test_its_curl_posts_an_encounter_of_the_repository_that_the_api_takes() -> None:
    posted = re.search(r"^curl .*/predict\S* .*-d @(\S+)$", README, re.MULTILINE)
    assert posted is not None
    assert parse(json.loads((ROOT / posted[1]).read_text()))


SPANISH = (ROOT / "README.es.md").read_text()
WITHOUT_COMMENT = re.compile(r"\s+#.*$")


def headings(text: str) -> list[int]:
    """How deep each is."""
    return [
        len(marks) for marks in re.findall(r"^(#+) ", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    ]


def commands(text: str) -> list[str]:
    """Every line of every block that a shell reads, without what is said of it."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [WITHOUT_COMMENT.sub("", line) for block in blocks for line in block.splitlines()]


def links(text: str) -> list[str]:
    return sorted(re.findall(r"\]\(([^)]+)\)", MEASURED.sub("", text)))


def test_the_spanish_one_is_in_step() -> None:
    assert headings(SPANISH) == headings(README)
    assert commands(SPANISH) == commands(README)
    own = {"README.md", "README.es.md", "README.md#in-containers"}
    pictures = {link for link in (*links(README), *links(SPANISH)) if link.endswith(".png")}
    assert set(links(SPANISH)) - own - pictures == set(links(README)) - own - pictures
    rows = re.findall(r"^\| \[`(\w+)`\]\((\S+)\)", SPANISH, re.MULTILINE)
    assert rows == [(step.name, f"src/readmit/steps/{step.name}.py") for step in STEPS]
    assert set(re.findall(r"\bjust ([a-z]\w*(?:::\w+)?)", SPANISH)) <= RECIPES


def test_every_picture_that_a_document_shows_is_one_that_is_made() -> None:
    """And none is kept that no document shows."""
    made = {file.name for file in (ROOT / "docs/pictures").glob("*.png")}
    documents = [ROOT / "README.md", ROOT / "README.es.md", ROOT / "docs/pictures.md"]
    shown = {name for file in documents for name in re.findall(r"pictures/([\w-]+\.png)\)", file.read_text())}
    assert shown == made
