"""The pages for analysts and operators, with a real inference API and its stores."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from readmit.core.cleaning import FAULTS_SCHEMA
from readmit.io.database import ledger, promotions, prospective_results, rows
from tests.api.conftest import TOKEN, FittedVersion, InMemoryModelSource
from tests.api.ledger_rows import store_encounters, store_step, store_verdict
from tests.card_facts import TRAINING
from tests.made_predictions import GOOD, MEDIOCRE, verdict
from tests.prospective_examples import evaluation_on
from tests.ui.conftest import Visit
from ui.i18n import load_messages
from ui.page_context import LANGUAGE

PAGES = ("patient", "many", "statistics", "model", "card", "data", "system")

CARD_TEXTS = {
    "en": ("Prospective results", "not available", "24,900 encounters", "Payer", "B1.i", "27c"),
    "es": ("Resultados prospectivos", "no disponible", "24.900 episodios", "Financiador", "B1.i", "27c"),
}


def test_the_main_script_has_no_bare_expression_that_streamlit_would_show_on_every_page() -> None:
    tree = ast.parse((Path(__file__).parents[2] / "ui/app.py").read_text(encoding="utf-8"))
    # The first is the module's docstring, which Streamlit does not show.
    bare = [node for node in tree.body[1:] if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call)]
    assert [node.lineno for node in bare] == []


def fill() -> None:
    store_encounters()
    ledger.update_batch(1, rows=600, clean=598, quarantined=2, excluded=0, version=2)
    ledger.mark_done(1)
    faults = [
        (4, "4", "age", "'old' is not one of [0-10), [10-20)"),
        (5, "5", "age", "'old' is not one of [0-10), [10-20)"),
    ]
    rows.replace_quarantine(1, pl.DataFrame(faults, schema=FAULTS_SCHEMA, orient="row"))
    store_step("r", "train", 2, {"target": "within_30_days", "lightgbm.roc_auc": 0.66, "lightgbm.run": "abc"})
    store_step("r", "promote", 2, {"version": "2", "outcome": "promoted", "reason": "better"})
    store_step("s", "clean", 3, "BatchRefused: too much in quarantine")
    store_verdict("2", training=TRAINING)


def page_text(app: AppTest) -> str:
    """Return the text of a page."""
    elements = [
        *app.title,
        *app.header,
        *app.subheader,
        *app.markdown,
        *app.caption,
        *app.info,
        *app.success,
        *app.warning,
    ]
    tables = [str(table.value.to_string()) for table in app.table]
    return "\n".join([*(str(element.value) for element in elements), *tables])


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_works_with_empty_and_filled_stores(visit: Visit, page: str, language: str) -> None:
    app = visit(page, language)
    assert not app.exception
    fill()
    app.run()
    assert not app.exception
    assert not app.error
    assert app.title


def test_statistics_show_the_groups_and_their_total(visit: Visit) -> None:
    fill()
    app = visit("statistics")
    app.segmented_control(key="statistics.by").set_value("gender").run()
    (table,) = app.table
    assert table.value.to_numpy().tolist() == [
        ["female", "700", "175", "25.0\N{NO-BREAK SPACE}%"],
        ["male, unknown or invalid", "503", "126", "25.0\N{NO-BREAK SPACE}%"],
        ["Total", "1,203", "301", "25.0\N{NO-BREAK SPACE}%"],
    ]


def test_the_model_page_shows_version_verdict_candidates_and_versions(visit: Visit) -> None:
    fill()
    page = page_text(visit("model", "es"))
    for text in (
        "Promovida",
        "0,680",
        "0,660 a 0,700",
        "Gradient boosting (LightGBM) · seleccionado",
        "lotes 1 a 2",
    ):
        assert text in page
    assert re.findall(r"\b0\.\d+", page) == []


@pytest.mark.parametrize(("language", "texts"), CARD_TEXTS.items())
def test_the_card_page_shows_the_card_in_the_language_of_the_session(
    visit: Visit, language: str, texts: tuple[str, ...]
) -> None:
    fill()
    app = visit("card", language)
    page = page_text(app)
    for text in texts:
        assert text in page, text
    assert ["31" in app.expander[0].label, "52" in app.expander[1].label] == [True, True]
    (download,) = app.get("download_button")
    assert download.proto.label == load_messages(language)("card.download")


def test_the_reasons_and_gates_of_the_verdict_are_translated_on_the_card_page(visit: Visit) -> None:
    fill()
    promotions.store_verdict(2, "within_30_days", refused := verdict(MEDIOCRE, GOOD))
    page = page_text(visit("card", "es"))
    assert not any(reason in page for reason in refused.reasons)
    assert page.count("claramente menor") == 2 * sum("clearly lower" in reason for reason in refused.reasons)


def test_the_model_page_leads_with_the_newest_batch_and_says_which_version_it_is_of(visit: Visit) -> None:
    fill()
    assert "There are no figures from after training yet" in page_text(visit("model"))
    for batch in (2, 3):
        prospective_results.store_evaluation(replace(evaluation_on(batch), encounters=14_600 + batch), "0" * 64)
    app = visit("model", "es")
    page = page_text(app)
    assert [(metric.label, metric.value) for metric in app.metric][:2] == [
        ("ROC-AUC", "0,673"),
        ("Razón observados/esperados", "0,93"),
    ]
    assert page.index("En hospitalizaciones posteriores") < page.index("pacientes de prueba")
    assert "Versión 2 (entrenada con: lotes 1 a 2) en el lote 3" in page.replace("\\", "")
    assert "14.603 hospitalizaciones" in page.replace("\\", "")
    assert "0,673 (0,658 a 0,688)" in page


def test_the_model_page_says_when_the_present_version_has_no_prospective_figures(visit: Visit) -> None:
    fill()
    prospective_results.store_evaluation(evaluation_on(2), "0" * 64)
    assert "Version 2, in production now, has no figures of this kind yet" in page_text(visit("model"))
    prospective_results.store_evaluation(evaluation_on(3), "0" * 64)
    assert "no figures of this kind yet" not in page_text(visit("model"))


def test_the_figures_on_test_carry_how_often_its_patients_were_consulted(visit: Visit) -> None:
    fill()
    assert "by the verdicts up to this one: 1." in page_text(visit("model"))


def test_the_model_page_shows_the_evaluation_of_a_version(visit: Visit) -> None:
    fill()
    app = visit("model", "es")
    page = page_text(app)
    for text in (
        "6.411 hospitalizaciones de 5.402 pacientes",
        "22,9\N{NO-BREAK SPACE}% (20,9\N{NO-BREAK SPACE}% a 24,8\N{NO-BREAK SPACE}%)",
        "4,4 (4,0 a 4,8)",
        "1,08 (0,99 a 1,17)",
        "0,0095",
        "0,71 (0,58 a 0,83)",
        "0,01530",
    ):
        assert text in page, text
    assert "0,677" in page, "of version 2 in the list of versions"
    assert len(app.get("vega_lite_chart")) == 4, "ROC, precision-recall, calibration and the decision curve"


def test_the_model_page_shows_the_curves_of_a_version_without_an_evaluation(visit: Visit) -> None:
    fill()
    store_verdict("1")
    app = visit("model", "es")
    app.selectbox[0].select("1").run()
    assert "la versión 1 no tiene evaluación: todavía no se ha juzgado" in page_text(app)
    assert len(app.get("vega_lite_chart")) == 3


def test_the_data_page_shows_batches_and_quarantine_reasons(visit: Visit) -> None:
    fill()
    page = page_text(visit("data", "es"))
    for text in ("Lote 1", "terminado", "598", "Edad", "'old' no es uno de los valores permitidos"):
        assert text in page


def test_the_system_page_shows_services_days_and_errors(visit: Visit) -> None:
    fill()
    app = visit("system")
    page = page_text(app)
    for text in ("● up", "○ not responding", "Version 2: Promoted", "failed"):
        assert text in page
    assert any("too much in quarantine" in str(element.value) for element in app.markdown)


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def test_an_operator_with_the_token_can_roll_back_and_sees_a_confirmation(
    visit: Visit, model_source: InMemoryModelSource, later: FittedVersion
) -> None:
    model_source.promote(later)
    app = visit("system")
    app.text_input(key="token").set_value(TOKEN).run()
    press(app, "Reload")
    assert any("Version 2 is now loaded" in str(message.value) for message in app.success)
    app.text_input(key="rollback.by").set_value("m.alvarez").run()
    app.text_input(key="rollback.why").set_value("flags nobody").run()
    app.text_input(key="rollback.to").set_value("1").run()
    press(app, "Roll back")
    assert model_source.alias is not None
    assert model_source.alias.number == "1"
    assert any("Rolled back from version 2 to version 1." in str(message.value) for message in app.success)


def test_without_the_token_nothing_can_be_changed(visit: Visit) -> None:
    app = visit("system")
    assert next(button for button in app.button if button.label == "Reload").disabled
    app.text_input(key="token").set_value("a guess").run()
    press(app, "Reload")
    assert any("Access denied" in str(warning.value) for warning in app.warning)


@pytest.mark.usefixtures("visit")
def test_the_application_uses_the_language_of_the_session() -> None:
    app = AppTest.from_file(Path(__file__).parents[2] / "ui/app.py", default_timeout=30)
    app.session_state[LANGUAGE] = "es"
    app.run()
    assert not app.exception
    assert [str(title.value) for title in app.title] == ["Riesgo de reingreso"]
    assert any("La API está usando la versión 1." in str(message.value) for message in app.sidebar.success)
