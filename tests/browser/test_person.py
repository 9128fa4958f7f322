"""What a person does at the page, from the first click to the answer, on the whole stack in containers."""

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
from tests.browser.conftest import Visiting
from tests.browser.page import PATIENCE, Visitor
from tests.e2e.containers import Stack

pytestmark = pytest.mark.browser
PAGES = ("patient", "many", "statistics", "model", "data", "system")
OUR_ENGLISH = re.compile(
    r"\b(the|patients?|encounters?|readmitted|threshold|version|batch|threshold|drugs?|diagnos[ei]s|service|loaded)\b"
)


def predicted(visitor: Visitor) -> Visitor:
    """One patient's answer, from the form as it begins but for some stays more."""
    visitor.open("patient")
    stays = visitor.page.get_by_role("spinbutton", name=visitor.words.label("number_inpatient"))
    stays.fill("6")
    stays.press("Enter")
    visitor.settle()
    visitor.press("patient.ask")
    visitor.sees_heading("answer.title")
    visitor.settle()
    return visitor


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("es", "dark")])
def test_a_nurse_asks_about_one_patient_and_sees_why(visiting: Visiting, language: str, scheme: str) -> None:
    visitor = predicted(visiting(language, scheme))
    visitor.sees(visitor.words("answer.yes"))
    visitor.sees(visitor.words("why.title"))
    visitor.sees(visitor.words("page.disclaimer"))
    visitor.picture(f"answer-{language}-{scheme}")
    assert visitor.unreadable() == []


def test_she_finds_a_diagnosis_by_a_word_and_sees_what_it_changes(visiting: Visiting) -> None:
    visitor = visiting("es")
    visitor.open("patient")
    visitor.chooses(visitor.words.label("diag_1"), "428 · Insuficiencia cardíaca", by="insuficiencia card")
    visitor.sees("Enfermedades del aparato circulatorio")
    visitor.press("patient.ask")
    visitor.sees_heading("answer.title")
    visitor.chooses(visitor.words("what_if.field"), visitor.words.label("number_inpatient"), by="Hospitaliz")
    stays = visitor.page.get_by_role("spinbutton", name=visitor.words.label("number_inpatient"))
    expect(stays).to_have_count(2, timeout=PATIENCE)
    stays.last.fill("9")
    stays.last.press("Enter")
    visitor.sees("puntos mayor")
    visitor.picture("what-if-es")
    visitor.press("patient.ask")
    expect(visitor.page.get_by_role("combobox", name=visitor.words("what_if.field"))).to_have_value("")
    expect(stays).to_have_count(1)


def test_a_case_is_saved_and_loaded_again(visiting: Visiting, tmp_path: Path) -> None:
    visitor = predicted(visiting())
    visitor.page.get_by_text(visitor.words("case.title")).click()
    with visitor.page.expect_download() as saving:
        visitor.press("case.save")
    saved = tmp_path / "case.json"
    saving.value.save_as(saved)
    assert json.loads(saved.read_text())["number_inpatient"] == 6
    visitor.press("case.clear")
    stays = visitor.page.get_by_role("spinbutton", name=visitor.words.label("number_inpatient"))
    expect(stays).to_have_value("0", timeout=PATIENCE)
    visitor.page.locator("input[type=file]").set_input_files(saved)
    expect(stays).to_have_value("6", timeout=PATIENCE)


@pytest.fixture(scope="session")
def batch(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A batch of 15,000 encounters, as a file."""
    file = tmp_path_factory.mktemp("file") / "batch.csv"
    answer = httpx.get(
        f"{stack.addresses['ec2-api']}/batches/1", headers={"Accept": "text/csv"}, timeout=60.0, trust_env=False
    )
    file.write_bytes(answer.raise_for_status().content)
    return file


def test_an_analyst_predicts_15000_rows_and_takes_them_home(visiting: Visiting, batch: Path, tmp_path: Path) -> None:
    visitor = visiting()
    visitor.open("many")
    visitor.page.locator("input[type=file]").set_input_files(batch)
    visitor.press("many.ask", number="15,000")
    visitor.sees_heading("many.results", name=batch.name)
    visitor.settle()
    first = visitor.page.get_by_role("table").get_by_role("cell").first
    at_risk = first.inner_text()
    # The first table holds those with a prediction; those without one have a table of their own below.
    visitor.page.get_by_role("button", name="Page 2", exact=True).first.click()
    expect(first).not_to_have_text(at_risk)
    visitor.page.get_by_role("radio", name=visitor.words("many.order_up")).click()
    expect(visitor.page.get_by_role("button", name="Page 1", exact=True).first).to_have_attribute(
        "aria-current", "page"
    )
    with visitor.page.expect_download() as saving:
        visitor.press("many.download")
    saving.value.save_as(tmp_path / "predictions.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "predictions.csv").read_text())))
    assert len(rows) == 15_000
    assert all(bool(row["probability"]) == is_applicable(row) for row in rows)
    visitor.picture("many-en")
    assert visitor.unreadable() == []


def test_a_batch_of_the_source_is_predicted_without_a_file(visiting: Visiting) -> None:
    visitor = visiting("es")
    visitor.open("many")
    visitor.page.get_by_role("radio", name=visitor.words("many.from_source")).click()
    visitor.chooses(visitor.words("many.batch"), visitor.words("many.batch_option", batch=1, number="15.000"))
    visitor.press("many.ask", number="15.000")
    visitor.sees_heading("many.results", name=visitor.words("many.batch_name", batch=1))


def test_a_file_that_is_no_table_of_encounters_is_told_so(visiting: Visiting, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("name,age\nsomebody,[70-80)\n")
    visitor = visiting()
    visitor.open("many")
    visitor.page.locator("input[type=file]").set_input_files(wrong)
    visitor.sees("Columns are lacking that every prediction needs: Sex")
    assert visitor.page.get_by_role("button", name=re.compile("^Predict")).count() == 0


@pytest.mark.parametrize("page", PAGES)
def test_every_page_can_be_read_by_everybody_in_both_languages(visiting: Visiting, page: str) -> None:
    visitor = visiting("en", "light")
    visitor.open(page)
    visitor.picture(f"{page}-en-light")
    assert visitor.unreadable() == []
    spanish = visitor.speaks("es")
    assert OUR_ENGLISH.findall(spanish.text().lower().replace("readmit", "")) == []
    assert spanish.page.evaluate("document.documentElement.lang") == "es"
    dark = visiting("es", "dark")
    dark.open(page)
    dark.picture(f"{page}-es-dark")
    assert dark.unreadable() == []


def test_the_page_asks_nobody_but_its_own_server(visiting: Visiting, stack: Stack) -> None:
    visitor, asked = visiting(), set[str]()
    visitor.page.on("request", lambda request: asked.add(request.url))
    predicted(visitor)
    assert asked
    own = stack.addresses["ui"].removeprefix("http://")
    assert {url for url in asked if not re.match(rf"(http://{own}|ws://{own}|data:|blob:)", url)} == set()


def test_while_the_api_is_down_the_page_says_so_keeps_what_was_typed_and_goes_on(
    visiting: Visiting, stack: Stack
) -> None:
    visitor = visiting()
    visitor.open("patient")
    stays = visitor.page.get_by_role("spinbutton", name=visitor.words.label("number_inpatient"))
    stays.fill("4")
    stays.press("Enter")
    visitor.settle()
    stack.project.output("stop", "api")
    try:
        visitor.sees(visitor.words("side.away"))
        visitor.press("patient.ask")
        visitor.sees(visitor.words("away.title"))
        expect(stays).to_have_value("4")
    finally:
        stack.project.output("start", "api")
    expect(visitor.page.get_by_text(visitor.words("side.away"))).to_be_hidden(timeout=60_000)
    expect(stays).to_have_value("4")
    visitor.press("patient.ask")
    visitor.sees_heading("answer.title")


def test_a_version_that_is_promoted_is_seen_without_a_click(visiting: Visiting, stack: Stack, kept: Path) -> None:
    visitor = visiting()
    visitor.open("system")
    before = str(stack.get("api", "/health")["model_version"])
    visitor.sees(visitor.words("side.serves", version=before))
    assert stack.day(batch=2).state == "COMPLETED"
    promoted = str(stack.get("api", "/health")["model_version"])
    if promoted == before:
        # The gates said no; a person may still choose it.
        newest = str(stack.get("api", "/versions")["items"][0]["version"])
        visitor.page.get_by_label(visitor.words("system.token"), exact=True).fill((kept / "reload_token").read_text())
        _fill(visitor, {"system.rollback_to": newest, "system.by": "a test", "system.why": "to see it"})
        visitor.press("system.rollback_do")
        promoted = newest
    visitor.sees(visitor.words("side.serves", version=promoted))


def _fill(visitor: Visitor, values: dict[str, str]) -> None:
    for key, value in values.items():
        field = visitor.page.get_by_label(visitor.words(key), exact=True)
        field.fill(value)
        field.press("Tab")
        visitor.settle()
        time.sleep(0.2)
