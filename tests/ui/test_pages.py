"""The pages of an analyst and an operator, over a real inference API and its stores."""

import re
from pathlib import Path

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from readmit.core.cleaning import FAULTS_SCHEMA
from readmit.io.database import ledger, rows
from tests.api.conftest import TOKEN, Made, Shelf
from tests.api.ledger_rows import judge, step, store_encounters
from tests.ui.conftest import Visit
from ui.page_context import LANGUAGE

PAGES = ("patient", "many", "statistics", "model", "data", "system")


def fill() -> None:
    store_encounters()
    ledger.update_batch(1, rows=600, clean=598, quarantined=2, excluded=0, version=2)
    ledger.mark_done(1)
    faults = [(4, "4", "age", "'old' is none of [0-10), [10-20)"), (5, "5", "age", "'old' is none of [0-10), [10-20)")]
    rows.replace_quarantine(1, pl.DataFrame(faults, schema=FAULTS_SCHEMA, orient="row"))
    step("r", "train", 2, {"target": "within_30_days", "lightgbm.roc_auc": 0.66, "lightgbm.run": "abc"})
    step("r", "promote", 2, {"version": "2", "outcome": "promoted", "reason": "better"})
    step("s", "clean", 3, "BatchRefused: too much in quarantine")
    judge("2")


def said(app: AppTest) -> str:
    """All that stands on a page."""
    told = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption, *app.info, *app.success, *app.warning]
    tables = [str(table.value.to_string()) for table in app.table]
    return "\n".join([*(str(each.value) for each in told), *tables])


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_on_empty_stores_and_on_full_ones(visit: Visit, page: str, language: str) -> None:
    app = visit(page, language)
    assert not app.exception
    fill()
    app.run()
    assert not app.exception
    assert not app.error
    assert app.title


def test_statistics_show_the_groups_and_their_sum(visit: Visit) -> None:
    fill()
    app = visit("statistics")
    app.segmented_control(key="statistics.by").set_value("gender").run()
    (table,) = app.table
    assert table.value.to_numpy().tolist() == [
        ["female", "700", "175", "25.0\N{NO-BREAK SPACE}%"],
        ["male, unknown or invalid", "503", "126", "25.0\N{NO-BREAK SPACE}%"],
        ["All together", "1,203", "301", "25.0\N{NO-BREAK SPACE}%"],
    ]


def test_the_model_page_tells_version_verdict_candidates_and_versions(visit: Visit) -> None:
    fill()
    told = said(visit("model", "es"))
    for text in (
        "Promovida",
        "0,680",
        "0,660 a 0,700",
        "Potenciación del gradiente (LightGBM) · elegido",
        "lotes 1 a 2",
    ):
        assert text in told
    assert re.findall(r"\b0\.\d+", told) == []


def test_the_data_page_tells_batches_and_why_encounters_were_left_out(visit: Visit) -> None:
    fill()
    told = said(visit("data", "es"))
    for text in ("Lote 1", "terminado", "598", "Edad", "'old' no es ninguno de"):
        assert text in told


def test_the_system_page_tells_services_and_days_and_why_one_failed(visit: Visit) -> None:
    fill()
    app = visit("system")
    told = said(app)
    for text in ("● up", "○ no answer", "Version 2: Promoted", "failed"):
        assert text in told
    assert any("too much in quarantine" in str(each.value) for each in app.markdown)


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def test_who_holds_the_token_goes_back_and_it_is_said(visit: Visit, shelf: Shelf, later: Made) -> None:
    shelf.promote(later)
    app = visit("system")
    app.text_input(key="token").set_value(TOKEN).run()
    press(app, "Reload")
    assert any("Version 2 is loaded" in str(each.value) for each in app.success)
    app.text_input(key="rollback.by").set_value("m.alvarez").run()
    app.text_input(key="rollback.why").set_value("flags nobody").run()
    app.text_input(key="rollback.to").set_value("1").run()
    press(app, "Go back")
    assert shelf.alias is not None
    assert shelf.alias.number == "1"
    assert any("Version 1 is in production now; 2 was before." in str(each.value) for each in app.success)


def test_who_does_not_hold_the_token_changes_nothing(visit: Visit) -> None:
    app = visit("system")
    assert next(button for button in app.button if button.label == "Reload").disabled
    app.text_input(key="token").set_value("a guess").run()
    press(app, "Reload")
    assert any("Not allowed" in str(each.value) for each in app.warning)


@pytest.mark.usefixtures("visit")
def test_the_whole_page_starts_in_the_language_of_the_session() -> None:
    app = AppTest.from_file(Path(__file__).parents[2] / "ui/app.py", default_timeout=30)
    app.session_state[LANGUAGE] = "es"
    app.run()
    assert not app.exception
    assert [str(each.value) for each in app.title] == ["¿Volverá este paciente?"]
    assert any("La API sirve la versión 1." in str(each.value) for each in app.sidebar.success)
