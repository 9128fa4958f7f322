"""The page of batch predictions, with a real inference API."""

import io
from collections.abc import Collection

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import Visit
from ui.batch_page import RESULTS, UPLOAD
from ui.batch_results import as_csv
from ui.batch_rows import PAGE, sorted_positions
from ui.encounter_file import default_case

INVALID = {"age": "old"}


def csv(rows: int, *invalid: int, deceased: Collection[int] = ()) -> bytes:
    records = [
        {
            **default_case(),
            "diag_1": "428",
            "number_inpatient": 6 * index,
            **(INVALID if index in invalid else {}),
            **({"discharge_disposition_id": 11} if index in deceased else {}),
        }
        for index in range(rows)
    ]
    return (
        pl.DataFrame([{name: str(value) for name, value in record.items()} for record in records]).write_csv().encode()
    )


def upload(visit: Visit, content: bytes, name: str = "cases.csv", language: str = "en") -> AppTest:
    app = visit("many", language)
    return app.file_uploader(key=UPLOAD).set_value((name, content, "text/csv")).run()


def rows(app: AppTest, index: int = 0) -> list[list[str]]:
    """Return the rows of one of the tables as text."""
    table: list[list[str]] = app.table[index].value.to_numpy().tolist()
    return table


def risks(app: AppTest) -> list[float]:
    """Return the risks of the first table, in per cent."""
    return [float(row[2].split("\N{NO-BREAK SPACE}")[0]) for row in rows(app)]


def test_the_predictions_of_a_file_are_shown_counted_and_downloadable(visit: Visit) -> None:
    app = upload(visit, csv(6))
    app.button(key="predict_file").click().run()
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["Predicted"] == "6"
    assert sorted(row[0] for row in rows(app)) == ["1", "2", "3", "4", "5", "6"]
    assert risks(app) == sorted(risks(app), reverse=True)
    assert {row[3] for row in rows(app)} == {"70 to 79 years"}
    assert {row[-1] for row in rows(app)} == {"428 · Heart failure"}
    download = pl.read_csv(io.BytesIO(as_csv(app.session_state[RESULTS])))
    assert download.height == 6
    assert download["probability"].is_not_null().all()


def test_failed_rows_are_shown_with_their_error(visit: Visit) -> None:
    app = upload(visit, csv(5, 1, 3), language="es")
    app.button(key="predict_file").click().run()
    assert len(rows(app)) == 3
    assert [row for row, _ in rows(app, 1)] == ["2", "4"]
    assert rows(app, 1)[0][1].startswith("Edad: 'old' no es uno de los valores permitidos")


def test_stays_that_ended_in_death_are_listed_separately_neither_flagged_nor_failed(visit: Visit) -> None:
    app = upload(visit, csv(6, 1, deceased=(3, 5)))
    app.button(key="predict_file").click().run()
    counts = {metric.label: metric.value for metric in app.metric}
    assert (counts["Predicted"], counts["Not applicable"], counts["Failed"]) == ("3", "2", "1")
    assert sorted(row[0] for row in rows(app)) == ["1", "3", "5"]
    assert rows(app, 1) == [["4", "Expired"], ["6", "Expired"]]
    assert [row for row, _ in rows(app, 2)] == ["2"]
    download = pl.read_csv(io.BytesIO(as_csv(app.session_state[RESULTS])))
    assert download["error"].to_list()[3] == "not applicable: ended in death or hospice"
    assert download["probability"][3] is None
    assert download["prediction"][3] is None


def test_a_file_with_only_deaths_has_no_risk_and_no_failure(visit: Visit) -> None:
    app = upload(visit, csv(2, deceased=(0, 1)), language="es")
    app.button(key="predict_file").click().run()
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["No aplica"] == "2"


def test_the_table_shows_only_the_rows_that_match_the_filters(visit: Visit) -> None:
    app = upload(visit, csv(10))
    app.button(key="predict_file").click().run()
    app.slider(key="risk_between").set_range(int(risks(app)[0] - 1), 100).run()
    assert 0 < len(rows(app)) < 10
    app.segmented_control(key="show").set_value("yes").run()
    assert {row[1] for row in rows(app)} <= {"Yes"}


def test_many_rows_are_sorted_and_paginated(visit: Visit) -> None:
    app = upload(visit, csv(45))
    app.button(key="predict_file").click().run()
    app.selectbox(key="sort").set_value("row").run()
    app.segmented_control(key="order").set_value("ascending").run()
    assert [row[0] for row in rows(app)] == [str(number) for number in range(1, 21)]
    app.pagination(key=PAGE).set_value(3).run()
    assert [row[0] for row in rows(app)] == ["41", "42", "43", "44", "45"]
    app.segmented_control(key="order").set_value("descending").run()
    assert rows(app)[0][0] == "45"


@pytest.mark.parametrize(
    ("name", "values", "ascending"),
    [
        ("age", ["[90-100)", "[0-10)", "[50-60)"], [1, 2, 0]),
        ("encounter_id", ["100", "20", "3"], [2, 1, 0]),
        ("diag_1", ["?", "428", "250.83"], [2, 1, 0]),
        ("race", ["Other", "?", "Other"], [0, 2, 1]),
    ],
)
def test_a_field_sorts_by_meaning_with_unrecorded_values_last(
    name: str, values: list[str], ascending: list[int]
) -> None:
    encounters = pa.table({name: values})
    predictions = pd.DataFrame({"index": range(3), "prediction": [0] * 3, "probability": [0.1] * 3})
    assert list(sorted_positions(encounters, predictions, name, ascending=True)) == ascending
    last = [index for index in ascending if values[index] == "?"]
    assert list(sorted_positions(encounters, predictions, name, ascending=False))[len(values) - len(last) :] == last


def test_null_values_of_a_parquet_file_are_shown_as_not_recorded(visit: Visit) -> None:
    buffer = io.BytesIO()
    record = {**default_case(), "diag_1": "428"}
    pl.DataFrame([{**record, "encounter_id": 7}, {**record, "encounter_id": None, "diag_1": None}]).write_parquet(
        buffer
    )
    app = visit("many", "en")
    app.file_uploader(key=UPLOAD).set_value(("cases.parquet", buffer.getvalue(), "application/octet-stream")).run()
    app.button(key="predict_file").click().run()
    app.selectbox(key="sort").set_value("row").run()
    assert [(row[3], row[-1]) for row in rows(app)] == [
        ("not recorded", "not recorded"),
        ("7", "428 · Heart failure"),
    ]


def test_columns_are_checked_before_anything_is_sent(visit: Visit) -> None:
    app = upload(visit, pl.read_csv(csv(2), infer_schema=False).drop("age").write_csv().encode())
    assert any("missing" in str(error.value) and "Age" in str(error.value) for error in app.error)
    assert not [button for button in app.button if button.key == "predict_file"]


def test_another_file_clears_the_results_of_the_previous_one(visit: Visit) -> None:
    app = upload(visit, csv(3))
    app.button(key="predict_file").click().run()
    app.file_uploader(key=UPLOAD).set_value(("other.csv", csv(4), "text/csv")).run()
    assert RESULTS not in app.session_state
