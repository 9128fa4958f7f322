"""One vocabulary: no name stands in two places of the product, and none is a speech act or a stock phrase."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("src", "flows", "api", "ui", "ec2_api", "aws", "k3s", "locust", "tools")
CONVENTIONAL = {
    *("app", "settings", "errors", "metrics", "routes", "schemas", "auth", "daily", "__init__", "__main__"),
}
"""Names of modules that every engineer expects in more than one package."""
SPEECH_ACTS = {
    *("ask", "asks", "asked", "asking", "say", "says", "said", "saying", "tell", "tells", "told", "telling"),
    *(
        "foretell",
        "foretold",
        "speak",
        "speaking",
        "spoken",
        "word",
        "words",
        "door",
        "doors",
        "room",
        "lane",
        "judged",
    ),
    *("stranger", "strangers", "rival", "rivals", "doubt", "doubts", "unsaid"),
}
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
MODULES = sorted(file for folder in PRODUCT for file in (ROOT / folder).rglob("*.py"))


def definitions(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the kind and name of each class, function, method and module-level constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield "class", node.name
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield "function", node.name
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            yield from (("constant", name.id) for name in ast.walk(target) if isinstance(name, ast.Name))


def test_there_is_a_product_to_look_at() -> None:
    assert len(MODULES) > 200


def test_no_class_name_stands_in_two_places() -> None:
    places = defaultdict(list)
    for file in MODULES:
        for kind, name in definitions(ast.parse(file.read_text())):
            if kind == "class" and name != "Meta":
                places[name].append(str(file.relative_to(ROOT)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_no_module_name_stands_in_two_places() -> None:
    places = defaultdict(list)
    for file in MODULES:
        if file.stem not in CONVENTIONAL:
            places[file.stem].append(str(file.relative_to(ROOT)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_name_is_a_speech_act_or_a_stock_phrase(file: Path) -> None:
    names = [("module", file.stem), *definitions(ast.parse(file.read_text()))]
    odd = [f"{kind} {name}" for kind, name in names if SPEECH_ACTS & {word.lower() for word in WORD.findall(name)}]
    assert odd == []
