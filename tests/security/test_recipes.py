"""Arguments of `just RECIPE` are passed to programs and never run by a shell."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack.test_justfile import JUST, ROOT, recording

__all__ = ["recording"]

RECIPES = [
    *(("sql",), ("day",), ("train",), ("backfill", "1"), ("step",), ("step", "clean"), ("quarantine",), ("release",)),
    *(("day", "3", "--train"), ("release", "3", "--train"), ("rollback", "--why", "b"), ("rollback", "--why")),
    *(
        ("rollback", "--why", "b", "--by"),
        ("up",),
        ("down",),
        ("logs",),
        ("test",),
        ("crash",),
        ("e2e",),
        ("why",),
    ),
    *(("ops::set-aside",), ("ops::set-aside", "3", "--why"), ("ops::set-aside", "3", "--why", "b", "--by")),
    *(("bench",), ("load",), ("ops::s3",), ("ops::fuzz",), ("ops::airflow-test",), ("ops::browser",)),
    *(("ops::e2e-airflow",), ("ops::drill",), ("ops::boards",)),
    *(("aws::up",), ("aws::status",), ("aws::schedule", "a"), ("aws::schedule", "a", "b"), ("aws::down",)),
]


@pytest.mark.attack("shell metacharacters in an argument", "flows")
@pytest.mark.parametrize("recipe", RECIPES, ids=" ".join)
def test_a_recipe_passes_an_argument_unchanged_and_no_shell_interprets_it(
    recipe: tuple[str, ...], recording: Callable[..., list[str]], tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    hostile = f"""a'; touch {touched}; "$(touch {touched})" `touch {touched}` | touch {touched} & $HOME * {{{{ b }}}}"""
    assert hostile in recording(*recipe, hostile)
    assert not touched.exists()


def unquoted_variables(expression: Any) -> Iterator[str]:
    """Yield the variables in an expression of just's dump that reach the shell unquoted."""
    match expression:
        case ["variable", name]:
            yield name
        case ["call", "quote", *_]:
            pass
        case ["if", _condition, *branches]:
            for branch in branches:
                yield from unquoted_variables(branch)
        case [_kind, *parts]:
            for part in parts:
                yield from unquoted_variables(part)


def all_recipes(module: Any) -> Iterator[tuple[str, Any]]:
    yield from module["recipes"].items()
    for submodule in module["modules"].values():
        yield from all_recipes(submodule)


def test_every_recipe_quotes_its_parameters() -> None:
    command = [str(JUST), "--justfile", str(ROOT / "justfile"), "--dump", "--dump-format", "json"]
    dump = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    recipes = dict(all_recipes(dump))
    assert {"sql", "fuzz", "footprint"} <= set(recipes)
    for name, recipe in recipes.items():
        parameters = {parameter["name"] for parameter in recipe["parameters"]}
        parts = [part for line in recipe["body"] for part in line if not isinstance(part, str)]
        assert parameters.isdisjoint(
            name for part in parts for (inner,) in [part] for name in unquoted_variables(inner)
        ), name
