"""User journeys on the page, on the complete stack in containers."""

import csv
import io
import json
import re
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from readmit.core.applicability import is_applicable
from tests.browser.conftest import OpenVisitor
from tests.browser.page import TIMEOUT_MILLISECONDS, Visitor
from tests.e2e.containers import Stack
from ui.icd9_picker import option_label

pytestmark = pytest.mark.browser
PAGES = ("patient", "many", "statistics", "model", "card", "data", "system")
ENGLISH_WORDS = re.compile(
    r"\b(the|patients?|encounters?|readmitted|threshold|version|batch|threshold|drugs?|diagnos[ei]s|service|loaded)\b"
)


def predict_patient(visitor: Visitor) -> Visitor:
    """Predict for the default form with more inpatient stays."""
    visitor.open("patient")
    stays = visitor.page.get_by_role("spinbutton", name=visitor.t.label("number_inpatient"))
    stays.fill("6")
    stays.press("Enter")
    visitor.settle()
    visitor.press("patient.predict")
    visitor.expect_heading("prediction.title")
    visitor.settle()
    return visitor


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("es", "dark")])
def test_a_nurse_sees_the_risk_of_a_patient_and_its_explanation(
    open_visitor: OpenVisitor, language: str, scheme: str
) -> None:
    visitor = predict_patient(open_visitor(language, scheme))
    visitor.expect_text(visitor.t("prediction.yes"))
    visitor.expect_text(visitor.t("why.title"))
    visitor.expect_text(visitor.t("page.disclaimer"))
    visitor.screenshot(f"answer-{language}-{scheme}")
    assert visitor.accessibility_violations() == []


def test_a_nurse_finds_a_diagnosis_by_keyword_and_compares_a_what_if_case(open_visitor: OpenVisitor) -> None:
    visitor = open_visitor("es")
    visitor.open("patient")
    visitor.choose(visitor.t.label("diag_1"), option_label(visitor.t, "428"), by="insuficiencia card")
    visitor.expect_text("Enfermedades del aparato circulatorio")
    visitor.press("patient.predict")
    visitor.expect_heading("prediction.title")
    visitor.choose(visitor.t("what_if.field"), visitor.t.label("number_inpatient"), by="Hospitaliz")
    stays = visitor.page.get_by_role("spinbutton", name=visitor.t.label("number_inpatient"))
    expect(stays).to_have_count(2, timeout=TIMEOUT_MILLISECONDS)
    stays.last.fill("9")
    stays.last.press("Enter")
    visitor.expect_text("puntos porcentuales mayor")
    visitor.screenshot("what-if-es")
    visitor.press("patient.predict")
    expect(visitor.page.get_by_role("combobox", name=visitor.t("what_if.field"))).to_have_value("")
    expect(stays).to_have_count(1)


def test_a_case_is_saved_and_loaded_again(open_visitor: OpenVisitor, tmp_path: Path) -> None:
    visitor = predict_patient(open_visitor())
    visitor.page.get_by_text(visitor.t("case.title")).click()
    with visitor.page.expect_download() as saving:
        visitor.press("case.save")
    saved = tmp_path / "case.json"
    saving.value.save_as(saved)
    assert json.loads(saved.read_text())["number_inpatient"] == 6
    visitor.press("case.clear")
    stays = visitor.page.get_by_role("spinbutton", name=visitor.t.label("number_inpatient"))
    expect(stays).to_have_value("0", timeout=TIMEOUT_MILLISECONDS)
    visitor.page.locator("input[type=file]").set_input_files(saved)
    expect(stays).to_have_value("6", timeout=TIMEOUT_MILLISECONDS)


@pytest.fixture(scope="session")
def batch(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a batch of 15,000 encounters."""
    file = tmp_path_factory.mktemp("file") / "batch.csv"
    headers = {"Accept": "text/csv", **stack.source_headers}
    response = httpx.get(f"{stack.addresses['ec2-api']}/batches/1", headers=headers, timeout=60.0, trust_env=False)
    file.write_bytes(response.raise_for_status().content)
    return file


def test_an_analyst_predicts_15000_rows_and_downloads_them(
    open_visitor: OpenVisitor, batch: Path, tmp_path: Path
) -> None:
    visitor = open_visitor()
    visitor.open("many")
    visitor.page.locator("input[type=file]").set_input_files(batch)
    visitor.press("batch.predict", number="15,000")
    visitor.expect_heading("batch.results", name=batch.name)
    visitor.settle()
    first = visitor.page.get_by_role("table").get_by_role("cell").first
    first_text = first.inner_text()
    # The first table contains the rows with a prediction; those without one are in a separate table below.
    visitor.page.get_by_role("button", name="Page 2", exact=True).first.click()
    expect(first).not_to_have_text(first_text)
    visitor.page.get_by_role("radio", name=visitor.t("batch.order_ascending")).click()
    expect(visitor.page.get_by_role("button", name="Page 1", exact=True).first).to_have_attribute(
        "aria-current", "page"
    )
    with visitor.page.expect_download() as saving:
        visitor.press("batch.download")
    saving.value.save_as(tmp_path / "predictions.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "predictions.csv").read_text())))
    assert len(rows) == 15_000
    assert all(bool(row["probability"]) == is_applicable(row) for row in rows)
    visitor.screenshot("many-en")
    assert visitor.accessibility_violations() == []


def test_a_batch_from_the_data_api_is_predicted_without_a_file(open_visitor: OpenVisitor) -> None:
    visitor = open_visitor("es")
    visitor.open("many")
    visitor.page.get_by_role("radio", name=visitor.t("batch.from_source")).click()
    number = visitor.t.number(15_000)
    visitor.choose(visitor.t("batch.batch"), visitor.t("batch.batch_option", batch=1, number=number))
    visitor.press("batch.predict", number=number)
    visitor.expect_heading("batch.results", name=visitor.t("batch.batch_name", batch=1))


def test_a_file_without_the_required_columns_is_rejected(open_visitor: OpenVisitor, tmp_path: Path) -> None:
    invalid = tmp_path / "invalid.csv"
    invalid.write_text("name,age\nsomebody,[70-80)\n")
    visitor = open_visitor()
    visitor.open("many")
    visitor.page.locator("input[type=file]").set_input_files(invalid)
    visitor.expect_text("Required columns are missing: Sex")
    assert visitor.page.get_by_role("button", name=re.compile("^Predict")).count() == 0


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_accessible_in_both_languages(open_visitor: OpenVisitor, page: str) -> None:
    visitor = open_visitor("en", "light")
    visitor.open(page)
    visitor.screenshot(f"{page}-en-light")
    assert visitor.accessibility_violations() == []
    spanish = visitor.switch_language("es")
    assert ENGLISH_WORDS.findall(spanish.text().lower().replace("readmit", "")) == []
    assert spanish.page.evaluate("document.documentElement.lang") == "es"
    dark = open_visitor("es", "dark")
    dark.open(page)
    dark.screenshot(f"{page}-es-dark")
    assert dark.accessibility_violations() == []


def test_the_page_sends_requests_only_to_its_own_server(open_visitor: OpenVisitor, stack: Stack) -> None:
    visitor, urls = open_visitor(), set[str]()
    visitor.page.on("request", lambda request: urls.add(request.url))
    predict_patient(visitor)
    assert urls
    host = stack.addresses["ui"].removeprefix("http://")
    assert {url for url in urls if not re.match(rf"(http://{host}|ws://{host}|data:|blob:)", url)} == set()


def test_while_the_api_is_down_the_page_keeps_the_input_and_recovers_afterwards(
    open_visitor: OpenVisitor, stack: Stack
) -> None:
    visitor = open_visitor()
    visitor.open("patient")
    stays = visitor.page.get_by_role("spinbutton", name=visitor.t.label("number_inpatient"))
    stays.fill("4")
    stays.press("Enter")
    visitor.settle()
    stack.project.output("stop", "api")
    try:
        visitor.expect_text(visitor.t("sidebar.unavailable"))
        visitor.press("patient.predict")
        visitor.expect_text(visitor.t("unavailable.title"))
        expect(stays).to_have_value("4")
    finally:
        stack.project.output("start", "api")
    expect(visitor.page.get_by_text(visitor.t("sidebar.unavailable"))).to_be_hidden(timeout=60_000)
    expect(stays).to_have_value("4")
    visitor.press("patient.predict")
    visitor.expect_heading("prediction.title")


def test_a_promoted_version_appears_without_a_click(
    open_visitor: OpenVisitor, stack: Stack, secrets_folder: Path
) -> None:
    visitor = open_visitor()
    visitor.open("system")
    before = str(stack.get("api", "/health")["model_version"])
    visitor.expect_text(visitor.t("sidebar.version", version=before))
    assert stack.run_day(batch=2).state == "COMPLETED"
    promoted = str(stack.get("api", "/health")["model_version"])
    if promoted == before:
        # The gates rejected the new version; an operator may still promote it.
        newest = str(stack.get("api", "/versions")["items"][0]["version"])
        visitor.page.get_by_label(visitor.t("system.token"), exact=True).fill(
            (secrets_folder / "reload_token").read_text()
        )
        _fill(visitor, {"system.rollback_to": newest, "system.by": "a test", "system.reason": "to see it"})
        visitor.press("system.rollback_button")
        promoted = newest
    visitor.expect_text(visitor.t("sidebar.version", version=promoted))


def _fill(visitor: Visitor, values: dict[str, str]) -> None:
    for key, value in values.items():
        field = visitor.page.get_by_label(visitor.t(key), exact=True)
        field.fill(value)
        field.press("Tab")
        visitor.settle()
        time.sleep(0.2)
