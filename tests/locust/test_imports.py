"""Imports of `locust/`: import-linter can't check a folder that is not a package."""

import ast
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "locust"
OTHERS = ("readmit", "api", "ui", "ec2_api", "flows", "aws", "tests")


def imported_modules(file: Path) -> set[str]:
    """Return every module that a file imports, inside functions too."""
    modules = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
    return modules


def test_of_the_project_it_imports_only_fields_their_values_and_the_host_parser() -> None:
    names = set().union(*(imported_modules(file) for file in FOLDER.glob("*.py")))
    assert {name for name in names if name.split(".")[0] in OTHERS} == {
        "readmit.core.encounter",
        "readmit.core.field_values",
        "readmit.core.host_header",
    }


def test_the_folder_is_not_a_package_so_that_it_does_not_shadow_the_library() -> None:
    assert not (FOLDER / "__init__.py").exists()
