"""The commands and links of the README work as written."""

import json
import re
from pathlib import Path

from readmit.core.request import parse
from readmit.pipeline import STEPS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SPANISH = (ROOT / "README.es.md").read_text()
MAX_LINES = 120
MAX_RECIPES = 24
"""Recipes that `just` lists; occasional ones are in compose/ops.just."""


def recipes(file: Path) -> set[str]:
    """Return the recipes of a file, and those of its modules as module::recipe."""
    text = file.read_text()
    names = set(re.findall(r"^([a-z][\w-]*)(?: [^:\n]*)?:(?!=)", text, re.MULTILINE))
    for module, path in re.findall(r'^mod (\w+) "(.+)"', text, re.MULTILINE):
        names |= {f"{module}::{name}" for name in recipes(file.parent / path)}
    return names


RECIPES = recipes(ROOT / "justfile")


def recipes_named_in(text: str) -> set[str]:
    return set(re.findall(r"\bjust ([a-z][\w-]*(?:::[\w-]+)?)", text))


def test_it_is_short_and_starts_with_the_two_commands() -> None:
    assert len(README.splitlines()) <= MAX_LINES
    assert len(SPANISH.splitlines()) <= MAX_LINES
    commands = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert commands[0].strip().endswith("pip install uv rust-just && just demo")
    assert commands[1].strip() == "just test"


def test_its_table_lists_the_steps_of_the_day_in_order_with_their_files() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\]\((\S+)\)", README, re.MULTILINE)
    assert rows == [(step.name, f"src/readmit/steps/{step.name}.py") for step in STEPS]


def test_every_recipe_that_it_names_exists() -> None:
    named = recipes_named_in(README)
    assert {"demo", "test", "local", "day", "step"} <= named
    assert named <= RECIPES


def test_the_list_of_recipes_is_short() -> None:
    listed = {name for name in RECIPES if "::" not in name} - {"default"}
    assert len(listed) <= MAX_RECIPES


def test_its_curl_command_posts_a_valid_encounter_of_the_repository() -> None:
    posted = re.search(r"^curl .*/predict\S* .*-d @(\S+)$", README, re.MULTILINE)
    assert posted is not None
    assert parse(json.loads((ROOT / posted[1]).read_text()))


WITHOUT_COMMENT = re.compile(r"\s+#.*$")


def headings(text: str) -> list[int]:
    """Return the level of each heading."""
    return [
        len(marks) for marks in re.findall(r"^(#+) ", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    ]


def commands(text: str) -> list[str]:
    """Return every line of every shell block, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [WITHOUT_COMMENT.sub("", line) for block in blocks for line in block.splitlines()]


def links(text: str) -> list[str]:
    return sorted(re.findall(r"\]\(([^)]+)\)", text))


def test_the_spanish_readme_matches() -> None:
    assert headings(SPANISH) == headings(README)
    assert commands(SPANISH) == commands(README)
    own = {"README.md", "README.es.md"}
    pictures = {link for link in (*links(README), *links(SPANISH)) if link.endswith(".png")}
    assert set(links(SPANISH)) - own - pictures == set(links(README)) - own - pictures
    rows = re.findall(r"^\| \[`(\w+)`\]\((\S+)\)", SPANISH, re.MULTILINE)
    assert rows == [(step.name, f"src/readmit/steps/{step.name}.py") for step in STEPS]
    assert recipes_named_in(SPANISH) <= RECIPES


def test_every_picture_in_a_document_exists_and_every_picture_is_in_a_document() -> None:
    files = {file.name for file in (ROOT / "docs/pictures").glob("*.png")}
    documents = [ROOT / "README.md", ROOT / "README.es.md", ROOT / "docs/pictures.md"]
    shown = {name for file in documents for name in re.findall(r"pictures/([\w-]+\.png)\)", file.read_text())}
    assert shown == files
