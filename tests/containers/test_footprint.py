from readmit.containers.footprint import Footprint


def test_what_is_not_started_counts_by_its_limit_and_what_is_seldom_started_beside_the_sum() -> None:
    table = Footprint(
        {"api": 100.0, "mysql": 300.0},
        {"api": 150.0, "mysql": 310.0},
        {"grafana": 256.0},
        {"airflow": 999.0},
        {"api": 642.0},
        61.4,
    ).table()
    rows = [
        [cell.strip(" *`") for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| ")
    ]
    assert rows[1:] == [
        ["api", "100", "150"],
        ["mysql", "300", "310"],
        ["grafana", "256, its limit", "256"],
        ["all", "656", "716"],
        ["airflow`, beside them", "999", ""],
    ]
    assert "Images of ours, in MB: api 642." in table
    assert "61 s" in table
