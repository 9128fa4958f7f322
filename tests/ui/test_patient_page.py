"""The page of a single patient, with a real inference API."""

import json
from dataclasses import replace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from readmit.core.encounter import EXCLUDED_DISPOSITIONS, FEATURES, FIELDS
from readmit.core.request import parse
from tests.api.conftest import FittedVersion, InMemoryModelSource
from tests.ui.conftest import Visit
from ui import encounter_form
from ui.api_client import ApiClient
from ui.encounter_file import default_case, to_json
from ui.i18n import NO_VALUE, load_messages
from ui.patient_page import CASE_FILE, LAST_PREDICTION

PREDICT, RESULT_TITLE = "Predict", "Prediction"
UNREACHED = 0.9999
"""A threshold that no encounter reaches."""


@pytest.fixture
def threshold() -> float:
    return 1 / 7


@pytest.fixture
def figures() -> dict[str, float]:
    return {"roc_auc": 0.68, "base_rate": 0.114, "precision": 0.213, "recall": 0.449}


@pytest.fixture
def model_source(served: FittedVersion, threshold: float, figures: dict[str, float]) -> InMemoryModelSource:
    version = replace(served.version, threshold=threshold, figures=figures)
    return InMemoryModelSource(replace(served, version=version))


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def decision(app: AppTest) -> str:
    """Return the card with the decision, as HTML."""
    (card,) = app.get("html")
    return str(card.proto.body)


def headings(app: AppTest) -> list[str]:
    return [str(header.value) for header in app.header]


def test_the_default_form_gets_a_prediction(visit: Visit) -> None:
    app = press(visit("patient"), PREDICT)
    assert not app.exception
    assert RESULT_TITLE in headings(app)
    risk, threshold, _ = (metric.value for metric in app.metric)
    prediction = app.session_state[LAST_PREDICTION].prediction
    assert risk == f"{100 * prediction.probability:.1f}\N{NO-BREAK SPACE}%"
    assert threshold == "14.3\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize("threshold", [UNREACHED])
@pytest.mark.parametrize(
    ("language", "title", "sentence"),
    [
        (
            "en",
            "Below the threshold",
            "45 of 100 who come back within 30 days are above the threshold, and 55 below it.",
        ),
        (
            "es",
            "Por debajo del umbral",
            "45 de cada 100 que reingresan dentro de 30 días están por encima del umbral y 55 por debajo.",
        ),
    ],
)
def test_below_the_threshold_the_answer_tells_how_many_who_come_back_are_above_it(
    visit: Visit, language: str, title: str, sentence: str
) -> None:
    app = press(visit("patient", language), load_messages(language)("patient.predict"))
    assert title in decision(app)
    assert sentence in decision(app)


def test_above_the_threshold_the_answer_tells_how_many_above_it_come_back(visit: Visit) -> None:
    app = press(visit("patient"), PREDICT)
    assert "At or above the threshold" in decision(app)
    assert "21 of 100 who are above the threshold come back within 30 days, and 79 do not." in decision(app)


@pytest.mark.parametrize("figures", [{"roc_auc": 0.68}])
@pytest.mark.parametrize("threshold", [1 / 7, UNREACHED])
def test_without_the_figures_of_the_version_the_answer_has_no_numbers_of_100(visit: Visit) -> None:
    app = press(visit("patient"), PREDICT)
    assert "The model estimates a risk of readmission" in decision(app)
    assert "of 100" not in decision(app)


def test_the_figures_of_a_version_loaded_after_the_prediction_are_not_shown_with_it(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, model = visit("patient"), ApiClient.model
    monkeypatch.setattr(ApiClient, "model", lambda client: replace(model(client), version="2"))
    assert "of 100" not in decision(press(app, PREDICT))
    assert [metric.value for metric in app.metric if metric.label == "Average"] == [NO_VALUE]


def test_the_threshold_is_explained_by_its_cost_ratio(visit: Visit) -> None:
    app = press(visit("patient"), PREDICT)
    (explanation,) = (metric.help for metric in app.metric if metric.label == "Threshold")
    assert "missing a readmission costs 6 times as much as an unneeded follow-up" in explanation


def test_before_the_first_prediction_the_page_tells_where_the_answer_will_be(visit: Visit) -> None:
    app, hint = visit("patient"), load_messages("en")("patient.no_answer")
    assert hint in [str(caption.value) for caption in app.caption]
    assert hint not in [str(caption.value) for caption in press(app, PREDICT).caption]


def test_the_prediction_has_a_medical_device_disclaimer(visit: Visit) -> None:
    for language, label, disclaimer in (
        ("en", PREDICT, "not a medical device"),
        ("es", "Predecir", "no es un dispositivo médico"),
    ):
        app = press(visit("patient", language), label)
        assert any(disclaimer in str(caption.value) for caption in app.caption)


def test_the_form_has_a_widget_for_every_field_except_drugs(visit: Visit) -> None:
    app = visit("patient")
    drugs = {field.name for field in FIELDS if field.if_absent == "No" and len(field.choices) == 4}
    assert {name for name in FEATURES if f"field.{name}" not in app.session_state} == drugs


def test_a_selected_drug_has_a_level_that_is_sent(visit: Visit) -> None:
    app = visit("patient")
    app.multiselect(key="prescribed").select("insulin").run()
    app.segmented_control(key="field.insulin").set_value("Up").run()
    assert press(app, PREDICT).session_state[LAST_PREDICTION].case["insulin"] == "Up"


def test_an_invalid_value_is_reported_at_once_and_not_sent(visit: Visit) -> None:
    app = visit("patient")
    app.text_input(key="field.payer_code").set_value("medicare").run()
    assert [str(error.value) for error in app.error] == ["'medicare' is not a payer code: two capital letters"]
    assert next(button for button in app.button if button.label == PREDICT).disabled


def test_a_typed_diagnosis_becomes_its_code_or_a_choice_of_the_codes_that_it_may_mean(visit: Visit) -> None:
    """AppTest cannot type a new option, so a dictionary stands for the session."""
    key, state, english = "field.diag_1", dict[str, object](), load_messages("en")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encounter_form.st, "session_state", state)
        for typed, code in (("Heart ATTACK", "410"), ("v57.1", "V57.1"), ("nothing like it", "NOTHING LIKE IT")):
            state[key] = typed
            encounter_form.normalize_code(english, key)
            assert state == {key: code}
        state[key] = "pneumonia"
        encounter_form.normalize_code(english, key)
        found = dict(state)
        state[key] = "486"
        encounter_form.normalize_code(english, key)
        assert state == {key: "486"}

    app = visit("patient")
    for name, value in found.items():
        app.session_state[name] = value
    box = app.run().selectbox(key=key)
    assert box.value is None
    assert 1 < len(box.options) < 50
    assert box.placeholder == f"{len(box.options)} matches: choose one"
    assert all("pneumonia" in option.lower() for option in box.options)


def test_switching_the_language_keeps_the_input(visit: Visit) -> None:
    app = visit("patient")
    app.number_input(key="field.number_inpatient").set_value(4).run()
    app.session_state["language"] = "es"
    app.run()
    assert app.number_input(key="field.number_inpatient").value == 4
    assert app.number_input(key="field.number_inpatient").label == "Hospitalizaciones *"


def test_a_case_is_loaded_from_a_file(visit: Visit) -> None:
    app = visit("patient")
    case = {**default_case(), "number_inpatient": 5, "diag_1": "250.83", "insulin": "Down"}
    app.file_uploader(key=CASE_FILE).set_value(("case.json", to_json(case).encode(), "application/json")).run()
    assert not app.exception
    assert parse(press(app, PREDICT).session_state[LAST_PREDICTION].case) == parse(case)


def test_an_invalid_case_file_is_reported_and_changes_nothing(visit: Visit) -> None:
    app = visit("patient")
    before = app.session_state["field.age"]
    invalid = json.dumps({**default_case(), "age": "old"}).encode()
    app.file_uploader(key=CASE_FILE).set_value(("case.json", invalid, "application/json")).run()
    assert any(str(error.value).startswith("Age: 'old' is not one of") for error in app.error)
    assert app.session_state["field.age"] == before


def test_what_if_predicts_again_with_one_field_changed(visit: Visit) -> None:
    app = press(visit("patient"), PREDICT)
    app.selectbox(key="what_if.field").select("number_inpatient").run()
    app.number_input(key="what_if.value.number_inpatient").set_value(55).run()
    assert not app.exception
    assert any(str(info.value).startswith("The model's answer would be") for info in app.info)
    assert any("higher" in str(info.value) for info in app.info)
    assert load_messages("en")("what_if.caution") in [str(caption.value) for caption in app.caption]
    first, second = [metric.value for metric in app.metric if metric.label == "Risk"][1:]
    assert first != second


def test_a_prediction_for_an_older_form_is_marked_as_stale(visit: Visit) -> None:
    app = press(visit("patient"), PREDICT)
    app.number_input(key="field.number_inpatient").set_value(4).run()
    assert any("The form has changed since" in str(info.value) for info in app.info)


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("disposition", EXCLUDED_DISPOSITIONS)
def test_a_stay_that_ended_in_death_or_hospice_gets_a_notice_and_no_risk(
    visit: Visit, disposition: str, language: str
) -> None:
    app = visit("patient", language)
    press(app, load_messages(language)("patient.predict"))
    app.selectbox(key="field.discharge_disposition_id").select(disposition).run()
    assert load_messages(language)("patient.not_applicable") in [str(info.value) for info in app.info]
    assert next(button for button in app.button if button.label == load_messages(language)("patient.predict")).disabled
    assert not app.metric
    assert not app.get("html")
    assert not app.warning
    assert not app.error


def test_what_if_the_stay_had_ended_in_death_gets_a_notice_and_no_second_risk(visit: Visit) -> None:
    app = press(visit("patient"), PREDICT)
    app.selectbox(key="what_if.field").select("discharge_disposition_id").run()
    app.selectbox(key="what_if.value.discharge_disposition_id").select("11").run()
    assert load_messages("en")("patient.not_applicable") in [str(info.value) for info in app.info]
    assert len([metric for metric in app.metric if metric.label == "Risk"]) == 1
    assert not app.exception


def test_without_a_model_the_page_keeps_the_form(visit: Visit, model_source: InMemoryModelSource) -> None:
    model_source.alias = None
    app = visit("patient")
    app.number_input(key="field.number_inpatient").set_value(4).run()
    assert not press(app, PREDICT).exception
    assert app.number_input(key="field.number_inpatient").value == 4


def test_an_unavailable_api_is_reported_and_the_input_is_kept(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    app = visit("patient")
    app.number_input(key="field.number_inpatient").set_value(4).run()
    monkeypatch.setenv("READMIT_API_URLS", "http://127.0.0.1:9")
    st.cache_resource.clear()
    press(app, PREDICT)
    assert any("The service is not responding" in str(error.value) for error in app.error)
    assert app.number_input(key="field.number_inpatient").value == 4
