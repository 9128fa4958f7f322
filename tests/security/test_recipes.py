"""What is typed after `just RECIPE` is a word for a program, and nothing that a shell carries out."""

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
        ("e2e-airflow",),
    ),
    *(("bench",), ("load",), ("ops::s3",), ("ops::fuzz",), ("ops::airflow-test",), ("ops::browser",)),
]


@pytest.mark.attack("shell metacharacters in an argument", "flows")
@pytest.mark.parametrize("recipe", RECIPES, ids=" ".join)
def test_a_recipe_hands_on_an_argument_as_it_is_and_no_shell_reads_it(
    recipe: tuple[str, ...], recording: Callable[..., list[str]], tmp_path: Path
) -> None:
    touched = tmp_path / "touched"
    hostile = f"""a'; touch {touched}; "$(touch {touched})" `touch {touched}` | touch {touched} & $HOME * {{{{ b }}}}"""
    assert hostile in recording(*recipe, hostile)
    assert not touched.exists()


def names_unquoted(expression: Any) -> Iterator[str]:
    """The variables in an expression of just's own dump that reach the shell unquoted."""
    match expression:
        case ["variable", name]:
            yield name
        case ["call", "quote", *_]:
            pass
        case ["if", _condition, *branches]:
            for branch in branches:
                yield from names_unquoted(branch)
        case [_kind, *parts]:
            for part in parts:
                yield from names_unquoted(part)


def recipes_of(module: Any) -> Iterator[tuple[str, Any]]:
    yield from module["recipes"].items()
    for each in module["modules"].values():
        yield from recipes_of(each)


def test_no_recipe_puts_a_parameter_into_a_line_without_quoting_it() -> None:
    command = [str(JUST), "--justfile", str(ROOT / "justfile"), "--dump", "--dump-format", "json"]
    dump = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    found = dict(recipes_of(dump))
    assert {"sql", "fuzz", "footprint"} <= set(found)
    for name, recipe in found.items():
        parameters = {each["name"] for each in recipe["parameters"]}
        parts = [part for line in recipe["body"] for part in line if not isinstance(part, str)]
        assert parameters.isdisjoint(name for part in parts for (inner,) in [part] for name in names_unquoted(inner)), (
            name
        )
