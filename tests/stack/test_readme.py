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
