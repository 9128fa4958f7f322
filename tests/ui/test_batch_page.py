"""The page of many patients, over a real inference API."""

import io
from collections.abc import Collection

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import Visit
from ui.batch_page import SCORED, UPLOAD
from ui.batch_results import as_csv
from ui.batch_rows import PAGE, places
from ui.encounter_file import usual

WRONG = {"age": "old"}


def csv(rows: int, *wrong: int, ended: Collection[int] = ()) -> bytes:
    told = [
        {
            **usual(),
            "diag_1": "428",
            "number_inpatient": 6 * place,
            **(WRONG if place in wrong else {}),
            **({"discharge_disposition_id": 11} if place in ended else {}),
        }
        for place in range(rows)
    ]
    return pl.DataFrame([{name: str(value) for name, value in each.items()} for each in told]).write_csv().encode()


def uploaded(visit: Visit, content: bytes, name: str = "cases.csv", language: str = "en") -> AppTest:
    app = visit("many", language)
    return app.file_uploader(key=UPLOAD).set_value((name, content, "text/csv")).run()


def rows(app: AppTest, place: int = 0) -> list[list[str]]:
    """The rows of one of the tables, as they are read."""
    table: list[list[str]] = app.table[place].value.to_numpy().tolist()
    return table


def risks(app: AppTest) -> list[float]:
    """What the first table says, in per cent."""
    return [float(row[2].split("\N{NO-BREAK SPACE}")[0]) for row in rows(app)]


def test_a_file_is_predicted_and_its_answers_are_shown_counted_and_handed_out(visit: Visit) -> None:
    app = uploaded(visit, csv(6))
    app.button(key="ask_file").click().run()
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["Answered"] == "6"
    assert sorted(row[0] for row in rows(app)) == ["1", "2", "3", "4", "5", "6"]
    assert risks(app) == sorted(risks(app), reverse=True)
    assert {row[3] for row in rows(app)} == {"70 to 79 years"}
    assert {row[-1] for row in rows(app)} == {"428 · Heart failure"}
    whole = pl.read_csv(io.BytesIO(as_csv(app.session_state[SCORED])))
    assert whole.height == 6
    assert whole["probability"].is_not_null().all()


def test_rows_that_failed_are_told_with_their_reason(visit: Visit) -> None:
    app = uploaded(visit, csv(5, 1, 3), language="es")
    app.button(key="ask_file").click().run()
    assert len(rows(app)) == 3
    assert [row for row, _ in rows(app, 1)] == ["2", "4"]
    assert rows(app, 1)[0][1].startswith("Edad: 'old' no es ninguno de")


def test_stays_that_ended_in_death_are_a_group_of_their_own_neither_to_follow_up_nor_failed(visit: Visit) -> None:
    app = uploaded(visit, csv(6, 1, ended=(3, 5)))
    app.button(key="ask_file").click().run()
    counts = {metric.label: metric.value for metric in app.metric}
    assert (counts["Answered"], counts["Not applicable"], counts["Failed"]) == ("3", "2", "1")
    assert sorted(row[0] for row in rows(app)) == ["1", "3", "5"]
    assert rows(app, 1) == [["4", "Expired"], ["6", "Expired"]]
    assert [row for row, _ in rows(app, 2)] == ["2"]
    whole = pl.read_csv(io.BytesIO(as_csv(app.session_state[SCORED])))
    assert whole["error"].to_list()[3] == "not applicable: ended in death or hospice"
    assert whole["probability"][3] is None
    assert whole["prediction"][3] is None


def test_a_file_of_nothing_but_deaths_has_no_risk_and_no_failure(visit: Visit) -> None:
    app = uploaded(visit, csv(2, ended=(0, 1)), language="es")
    app.button(key="ask_file").click().run()
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["No aplicable"] == "2"


def test_the_table_shows_only_those_that_are_asked_for(visit: Visit) -> None:
    app = uploaded(visit, csv(10))
    app.button(key="ask_file").click().run()
    app.slider(key="risk_between").set_range(int(risks(app)[0] - 1), 100).run()
    assert 0 < len(rows(app)) < 10
    app.segmented_control(key="show").set_value("yes").run()
    assert {row[1] for row in rows(app)} <= {"Yes"}


def test_many_rows_come_a_page_at_a_time_in_the_order_that_is_asked_for(visit: Visit) -> None:
    app = uploaded(visit, csv(45))
    app.button(key="ask_file").click().run()
    app.selectbox(key="sort").set_value("row").run()
    app.segmented_control(key="order").set_value("up").run()
    assert [row[0] for row in rows(app)] == [str(number) for number in range(1, 21)]
    app.pagination(key=PAGE).set_value(3).run()
    assert [row[0] for row in rows(app)] == ["41", "42", "43", "44", "45"]
    app.segmented_control(key="order").set_value("down").run()
    assert rows(app)[0][0] == "45"


@pytest.mark.parametrize(
    ("name", "values", "rising"),
    [
        ("age", ["[90-100)", "[0-10)", "[50-60)"], [1, 2, 0]),
        ("encounter_id", ["100", "20", "3"], [2, 1, 0]),
        ("diag_1", ["?", "428", "250.83"], [2, 1, 0]),
        ("race", ["Other", "?", "Other"], [0, 2, 1]),
    ],
)
def test_a_field_sorts_by_what_it_means_and_what_is_not_recorded_comes_last(
    name: str, values: list[str], rising: list[int]
) -> None:
    encounters = pa.table({name: values})
    answers = pd.DataFrame({"index": range(3), "prediction": [0] * 3, "probability": [0.1] * 3})
    assert list(places(encounters, answers, name, rising=True)) == rising
    last = [place for place in rising if values[place] == "?"]
    assert list(places(encounters, answers, name, rising=False))[len(values) - len(last) :] == last


def test_what_a_parquet_does_not_hold_is_told_as_not_recorded(visit: Visit) -> None:
    written = io.BytesIO()
    told = {**usual(), "diag_1": "428"}
    pl.DataFrame([{**told, "encounter_id": 7}, {**told, "encounter_id": None, "diag_1": None}]).write_parquet(written)
    app = visit("many", "en")
    app.file_uploader(key=UPLOAD).set_value(("cases.parquet", written.getvalue(), "application/octet-stream")).run()
    app.button(key="ask_file").click().run()
    app.selectbox(key="sort").set_value("row").run()
    assert [(row[3], row[-1]) for row in rows(app)] == [
        ("not recorded", "not recorded"),
        ("7", "428 · Heart failure"),
    ]


def test_columns_are_checked_before_anything_is_sent(visit: Visit) -> None:
    app = uploaded(visit, pl.read_csv(csv(2), infer_schema=False).drop("age").write_csv().encode())
    assert any("lacking" in str(error.value) and "Age" in str(error.value) for error in app.error)
    assert not [button for button in app.button if button.key == "ask_file"]


def test_another_file_takes_the_results_of_the_last_one_away(visit: Visit) -> None:
    app = uploaded(visit, csv(3))
    app.button(key="ask_file").click().run()
    app.file_uploader(key=UPLOAD).set_value(("other.csv", csv(4), "text/csv")).run()
    assert SCORED not in app.session_state
