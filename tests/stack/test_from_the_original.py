"""docs/from-the-original.md agrees with the code: what it names exists, and it covers every part of the original."""

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from inspect import get_annotations
from pathlib import Path

import numpy as np
import peewee as pw
import pytest

import api.schemas
import ec2_api.app
import ec2_api.metrics
import ec2_api.settings
import ec2_api.startup
from api.app import create_app
from ec2_api.sample import write_sample
from readmit.core.encounter import COLUMNS, FIELDS
from readmit.core.metrics import classification_metrics
from readmit.core.model import CANDIDATES
from readmit.core.request import ACCEPTED_FIELDS
from readmit.core.version import CHALLENGER, MODEL, PRODUCTION, Version
from readmit.embedded.stack import configured_ports
from readmit.io.database.connection import NAMES, connect, using
from readmit.io.database.schema import migrate
from readmit.io.database.tables import TABLES
from readmit.io.registry.experiment_runs import EXPERIMENT
from readmit.pipeline import STEPS
from readmit.settings import Settings
from tests.stack.compose_files import services
from tests.stack.test_readme import recipes
from tools.boards.__main__ import BOARDS
from tools.metrics_page import all_metrics

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "from-the-original.md"
FAULTS = "Measured faults"
STATES = {"same", "renamed", "dropped", "later"}

THE_ORIGINAL: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("the_original.toml").read_text(encoding="utf-8")
)
"""The parts of the original by group, in the terms by which the first column mentions each."""

RECORDED: dict[int, str] = {
    **{1: "`<30`", 2: "answer: prediction", 3: "ORDER BY RAND()", 4: "`patient_nbr`", 5: "weighted precision"},
    **{6: "drop columns", 7: "label encoding", 8: "MinIO", 9: "Airflow DAGs", 10: "Docker", 11: "`models/`"},
    **{12: "passwords", 13: "RandomForest", 14: "`upload_processed_data_minio`", 15: "`POST /predict`"},
    **{
        16: "Compose, one for all",
        17: "`promote_to_production`",
        18: "answer: prediction",
        19: "`create_databases.sql`",
        20: "Compose, one for all",
    },
}
"""The decision records, each with a part of the original that it changed."""


@dataclass(frozen=True)
class Row:
    group: str
    cells: tuple[str, ...]

    @property
    def named(self) -> list[tuple[str, str]]:
        """Return kind and name of all of our parts that the row mentions."""
        matches = re.findall(r"(?:(\bdata route|\b\w+) )?`([^`]+)`", " ".join(self.cells[1:]))
        return [(kind, name) for kind, name in matches]


def rows_of(page: str) -> list[Row]:
    rows, group = [], ""
    for line in page.splitlines():
        if line.startswith("## "):
            group = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| original |", "| fault |")):
            rows.append(Row(group, tuple(cell.strip() for cell in line.strip("|").split("|"))))
    return rows


ROWS = rows_of(PAGE.read_text(encoding="utf-8"))


class NoModels:
    """A registry without versions: the routes need none."""

    def production(self) -> Version | None:
        return None

    def artifact(self, version: Version) -> bytes:
        raise AssertionError(f"unexpected request for version {version.number}")

    def roll_back(self, to: str | None, by: str, why: str, at: object) -> tuple[Version, Version]:
        raise AssertionError(f"unexpected rollback to {to}, by {by}, {why}, {at}")

    def store_copy(self, version: Version, artifact: bytes) -> None:
        raise AssertionError(f"unexpected version {version.number} of {len(artifact)} bytes")

    def last_copy(self) -> tuple[Version, bytes] | None:
        return None


class RecordingEnvironment(dict[str, str]):
    """An empty environment that records which variables were read."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: object = None) -> object:  # type: ignore[override] - not the overloads of dict.get
        self.names.add(name)
        return default


def _data_routes(folder: Path) -> set[str]:
    csv = folder / "small.csv"
    write_sample(csv, rows=5, seed=1)
    variables = {"READMIT_DATA": str(csv), "READMIT_SOURCE_STATE": str(folder), "READMIT_SOURCE_INTERVAL_SECONDS": "0"}
    settings = ec2_api.settings.load(variables)
    source = ec2_api.startup.open_source(settings, lambda: 0.0)
    app = ec2_api.app.create_app(source, ec2_api.metrics.SourceMetrics(1, 5), settings.allowed_hosts)
    return {f"{method} {rule.rule}" for rule in app.url_map.iter_rules() for method in rule.methods or ()}


def _routes() -> set[str]:
    app = create_app(NoModels(), Settings()).app
    return {f"{method} {route.path}" for route in app.routes for method in getattr(route, "methods", ())}


def _settings() -> set[str]:
    environment = RecordingEnvironment()
    ec2_api.settings.load(environment)
    fields = Settings.model_fields.items()
    return environment.names | {str(field.validation_alias or f"READMIT_{name.upper()}") for name, field in fields}


def _tables() -> dict[str, type[pw.Model]]:
    names = {proxy: name for name, proxy in NAMES.items()}
    return {f"{names[table._meta.database]}.{table._meta.table_name}": table for table in TABLES}


def _columns() -> set[str]:
    return set(COLUMNS) | {f"{name}.{column}" for name, table in _tables().items() for column in table._meta.columns}


def _views(folder: Path) -> dict[str, set[str]]:
    """Return each view with its columns."""
    connect(f"sqlite:///{folder}")
    migrate()
    views = {}
    for name, database in NAMES.items():
        with using(database):
            for view in database.get_views():
                views[f"{name}.{view.name}"] = {column.name for column in database.get_columns(view.name)}
    return views


def _ports() -> set[str]:
    published = {name: service.config.get("ports", []) for name, service in services().items()}
    return {f"{name}:{port.rpartition(':')[2]}" for name, ports in published.items() for port in ports}


def _response_fields() -> set[str]:
    structs = [value for value in vars(api.schemas).values() if isinstance(value, type) and get_annotations(value)]
    return {f"{struct.__name__}.{name}" for struct in structs for name in get_annotations(struct)}


def _matches_in(pattern: str, *files: Path) -> set[str]:
    return {name for file in files for name in re.findall(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)}


@pytest.fixture(scope="session")
def existing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Return what exists, by the kind that the page names; files are checked one by one."""
    sources = [*(ROOT / "src").rglob("*.py")]
    views = _views(tmp_path_factory.mktemp("views"))
    return {
        "route": _routes(),
        "data route": _data_routes(tmp_path_factory.mktemp("ec2-api")),
        "metric": {metric.name for metric in all_metrics()},
        "setting": _settings(),
        "database": set(NAMES) | _matches_in(r"CREATE DATABASE (\w+)", ROOT / "compose/mysql/users.sh"),
        "table": set(_tables()),
        "view": set(views),
        "column": _columns() | {f"{view}.{column}" for view, columns in views.items() for column in columns},
        "field": set(ACCEPTED_FIELDS),
        "answer": _response_fields(),
        "bucket": _matches_in(r'Bucket\("(\w+)"', *sources),
        "service": set(services()),
        "port": {f"{service}:{port}" for service, port in configured_ports(Settings()).items()} | _ports(),
        "step": {step.name for step in STEPS},
        "candidate": {candidate.name for candidate in CANDIDATES},
        "figure": set(classification_metrics([0, 1], np.array([0.2, 0.8]), 0.5)),
        "model": {MODEL},
        "experiment": {EXPERIMENT},
        "alias": {PRODUCTION, CHALLENGER},
        "command": _matches_in(
            r'add_parser\("(\w+)"', ROOT / "src/readmit/cli.py", ROOT / "src/readmit/cli_arguments.py"
        ),
        "board": {board.uid for board in BOARDS},
        "panel": {panel.title for board in BOARDS for row in board.rows for panel in row.panels},
        "recipe": recipes(ROOT / "justfile"),
    }


def test_what_the_page_names_exists(existing: dict[str, set[str]]) -> None:
    named = {(kind, name) for row in ROWS for kind, name in row.named if kind != "file"}
    assert sorted((kind, name) for kind, name in named if name not in existing.get(kind, ())) == []


def test_every_file_that_the_page_names_exists() -> None:
    files = {name for row in ROWS for kind, name in row.named if kind == "file"}
    assert len(files) > 20
    assert sorted(name for name in files if not (ROOT / name).is_file()) == []


def test_every_part_of_the_original_has_a_row() -> None:
    assert {row.group for row in ROWS} == set(THE_ORIGINAL)
    firsts = {group: [row.cells[0] for row in ROWS if row.group == group] for group in THE_ORIGINAL}
    parts = [(group, part) for group, parts in THE_ORIGINAL.items() for part in parts]
    assert [(group, part) for group, part in parts if not any(_mentions(cell, part) for cell in firsts[group])] == []


def _mentions(cell: str, part: str) -> bool:
    """Return whether a cell mentions a part as a whole word: `model` does not mention `mode`."""
    return re.search(rf"(?<![\w/]){re.escape(part)}(?!\w)", cell) is not None


def test_every_row_mentions_at_least_one_part_and_no_row_occurs_twice() -> None:
    cells = [(row.group, row.cells[0]) for row in ROWS]
    assert len(set(cells)) == len(cells)
    assert [cell for cell in cells if not any(_mentions(cell[1], part) for part in THE_ORIGINAL[cell[0]])] == []


def test_the_columns_and_the_fields_have_one_row_each_in_order() -> None:
    for group in ("Columns of diabetes_raw", "Fields of /predict"):
        assert [row.cells[0] for row in ROWS if row.group == group] == THE_ORIGINAL[group]
    asked = {name for row in ROWS if row.group == "Fields of /predict" for _, name in row.named}
    assert asked - {field.name for field in FIELDS if field.required} == {"race", "metformin", "insulin"}
    assert len(asked) == 15


@pytest.mark.parametrize(("number", "part"), RECORDED.items())
def test_a_part_that_a_decision_changed_links_to_its_record(number: int, part: str) -> None:
    rows = [row for row in ROWS if _mentions(row.cells[0], part)]
    assert any(f"](decisions/{number:04}-" in " ".join(row.cells[1:]) for row in rows)


def test_every_step_is_listed_with_the_task_that_it_replaces() -> None:
    pairs = {(row.cells[0].strip("`"), name) for row in ROWS for kind, name in row.named[:1] if kind == "step"}
    assert {(step.original_task, step.name) for step in STEPS} <= pairs


def test_whatever_is_not_the_same_has_a_reason() -> None:
    rows = [row for row in ROWS if row.group != FAULTS]
    assert all(len(row.cells) == 4 and row.cells[0] and row.cells[2] in STATES for row in rows)
    assert [row.cells[0] for row in rows if row.cells[2] != "same" and len(row.cells[3]) < 15] == []
    assert [row.cells[0] for row in rows if row.cells[2] in ("same", "renamed") and not row.named] == []


def test_every_measured_fault_names_its_regression_test() -> None:
    faults = [row for row in ROWS if row.group == FAULTS]
    assert [row.cells[0] for row in faults if len(row.cells) != 3 or "file `tests/" not in row.cells[2]] == []


def test_the_whole_page_is_parsed() -> None:
    assert len(ROWS) > 180
    kinds = Counter(kind for row in ROWS for kind, _ in row.named)
    assert kinds["route"] > 15
    assert kinds["metric"] > 8
    assert kinds["setting"] > 10
    assert kinds["step"] >= len(STEPS)


@pytest.mark.parametrize("name", ["Sebastián Rodríguez and David Córdova", "10.1155/2014/781670", "CC BY 4.0"])
def test_the_page_credits_its_sources(name: str) -> None:
    assert name in PAGE.read_text(encoding="utf-8").split("## ")[0]
