"""import-linter can't read a folder that is no package: what `locust/` may import is held here."""

import ast
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "locust"
OTHERS = ("readmit", "api", "ui", "ec2_api", "flows", "aws", "tests")


def imported(file: Path) -> set[str]:
    """Every module that a file imports, inside functions too."""
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_the_load_knows_of_ours_the_fields_of_an_encounter_and_the_parser_of_hosts_alone() -> None:
    names = set().union(*(imported(file) for file in FOLDER.glob("*.py")))
    assert {name for name in names if name.split(".")[0] in OTHERS} == {
        "readmit.core.encounter",
        "readmit.core.host_header",
    }


def test_the_folder_is_no_package_so_that_it_does_not_hide_the_library() -> None:
    assert not (FOLDER / "__init__.py").exists()
