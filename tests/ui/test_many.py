"""The page of many patients, over a real inference API."""

import io

import polars as pl
from streamlit.testing.v1 import AppTest

from tests.ui.conftest import Visit
from ui.case import usual
from ui.many import SCORED, UPLOAD
from ui.many_results import as_csv

WRONG = {"age": "old"}


def csv(rows: int, *wrong: int) -> bytes:
    told = [{**usual(), "number_inpatient": 6 * place, **(WRONG if place in wrong else {})} for place in range(rows)]
    return pl.DataFrame([{name: str(value) for name, value in each.items()} for each in told]).write_csv().encode()


def uploaded(visit: Visit, content: bytes, name: str = "cases.csv", language: str = "en") -> AppTest:
    app = visit("many", language)
    return app.file_uploader(key=UPLOAD).set_value((name, content, "text/csv")).run()


def test_a_file_is_predicted_and_its_answers_are_shown_counted_and_handed_out(visit: Visit) -> None:
    app = uploaded(visit, csv(6))
    app.button(key="ask_file").click().run()
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["Answered"] == "6"
    (shown,) = app.dataframe
    assert shown.value["row"].tolist() == [1, 2, 3, 4, 5, 6]
    assert shown.value["age"].tolist() == ["70 to 79 years"] * 6
    whole = pl.read_csv(io.BytesIO(as_csv(app.session_state[SCORED])))
    assert whole.height == 6
    assert whole["probability"].is_not_null().all()


def test_rows_that_failed_are_told_with_their_reason(visit: Visit) -> None:
    app = uploaded(visit, csv(5, 1, 3), language="es")
    app.button(key="ask_file").click().run()
    shown, failed = app.dataframe
    assert failed.value["row"].tolist() == [2, 4]
    assert failed.value["why"][0].startswith("Edad: 'old' no es ninguno de")
    assert len(shown.value) == 3


def test_the_table_shows_only_those_that_are_asked_for(visit: Visit) -> None:
    app = uploaded(visit, csv(10))
    app.button(key="ask_file").click().run()
    (shown,) = app.dataframe
    least = shown.value["risk"].max() - 1
    app.slider(key="risk_between").set_range(int(least), 100).run()
    (shown,) = app.dataframe
    assert 0 < len(shown.value) < 10
    app.segmented_control(key="shown").set_value("yes").run()
    assert set(app.dataframe[0].value["answer"]) <= {"Yes: plan a follow-up"}


def test_columns_are_checked_before_anything_is_sent(visit: Visit) -> None:
    app = uploaded(visit, pl.read_csv(csv(2), infer_schema=False).drop("age").write_csv().encode())
    assert any("lacking" in str(error.value) and "Age" in str(error.value) for error in app.error)
    assert not [button for button in app.button if button.key == "ask_file"]


def test_another_file_takes_the_results_of_the_last_one_away(visit: Visit) -> None:
    app = uploaded(visit, csv(3))
    app.button(key="ask_file").click().run()
    app.file_uploader(key=UPLOAD).set_value(("other.csv", csv(4), "text/csv")).run()
    assert SCORED not in app.session_state
