from pathlib import Path

from readmit.containers.footprint import BEGIN, END, PAGE, Footprint, replace_table
from tests.stack.compose_files import services

ROOT = Path(__file__).parents[2]
FOOTPRINT = Footprint(
    {"api": 100.0, "mysql": 300.0},
    {"api": 150.0, "mysql": 310.0},
    {"grafana": 256.0},
    {"airflow": 999.0},
    {"api": 642.0},
    61.4,
)


def rows_of(table: str) -> list[list[str]]:
    return [
        [cell.strip(" *`") for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| ")
    ]


def test_services_that_are_not_started_count_with_their_limit_and_on_demand_ones_are_listed_below_the_sum() -> None:
    table = FOOTPRINT.table()
    assert rows_of(table)[1:] == [
        ["api", "100", "150"],
        ["mysql", "300", "310"],
        ["grafana", "256 (limit)", "256 (limit)"],
        ["total", "656", "716"],
        ["airflow` (on demand)", "999", ""],
    ]
    assert "Image sizes in MB: api 642." in table
    assert "61 s" in table


def test_the_table_replaces_the_one_of_the_page_and_nothing_else() -> None:
    page = PAGE.read_text()
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    assert replace_table(page, FOOTPRINT.table()) == f"{before}{BEGIN}{FOOTPRINT.table()}{END}{after}"


def test_the_page_lists_every_long_running_service() -> None:
    assert PAGE == ROOT / "docs/footprint.md"
    names = {row[0].partition("`")[0] for row in rows_of(PAGE.read_text())}
    assert {name for name, service in services().items() if service.is_long_running} <= names
