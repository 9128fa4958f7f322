"""The pictures of docs/pictures, made by looking at a stack as a person would: three days done, two by Prefect."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from readmit.containers.project import ROOT
from readmit.pipeline import DAG
from tests.browser.conftest import LOCALES
from tests.browser.page import WIDE, Visitor
from tests.e2e.containers import Stack, stack_of_its_own
from tests.e2e.dag_runs import Airflow
from ui.i18n import words

pytestmark = pytest.mark.pictures
FOLDER = ROOT / "docs/pictures"
COLOURS = 128
STANDS_AFTER = 5_000
"""Milliseconds in which every page of others has drawn what it has."""
USERS = 300
SIDEBAR = 301
"""Pixels that it takes."""


@pytest.fixture(scope="session")
def stack(data: Path, kept: Path) -> Iterator[Stack]:
    """In the place of the other one: with Airflow and Locust."""
    wanted = ("ui", "ec2-api", "flows", "airflow", "locust", "prometheus", "alertmanager", "pushgateway")
    with stack_of_its_own("readmit-pictures", data, kept, only=wanted) as up:
        for batch in (1, 2):
            assert up.day(batch=batch).state == "COMPLETED"
        airflow = Airflow(up, (kept / "airflow_password").read_text())
        assert airflow.ended(airflow.start(batch=3)).state == "success"
        yield up


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": WIDE["width"], "height": WIDE["height"]}, locale=LOCALES["en"])
    yield context.new_page()
    context.close()


def keep(name: str, picture: bytes) -> None:
    """In few colours: a picture of a page is no photograph."""
    FOLDER.mkdir(exist_ok=True)
    reduced = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    reduced.save(FOLDER / f"{name}.png", optimize=True)


@pytest.mark.parametrize("name", ["many", "statistics", "model", "data", "system"])
def test_the_page(page: Page, stack: Stack, name: str, tmp_path: Path) -> None:
    visitor = Visitor(page, stack.addresses["ui"], words("en"))
    visitor.open(name)
    if name == "many":
        visitor.page.get_by_role("radio", name=visitor.words("many.from_source")).click()
        visitor.chooses(visitor.words("many.batch"), visitor.words("many.batch_option", batch=3, number="15,000"))
        visitor.press("many.ask", number="15,000")
        visitor.sees_heading("many.results", name=visitor.words("many.batch_name", batch=3))
    whole = visitor.picture(name, tmp_path).read_bytes()
    if name == "many":
        # Nobody's own stay is put into a document.
        rows = visitor.page.get_by_role("table")
        whole = _cut(whole, 0, 0, _from_the_top(visitor, rows))
    keep(name, whole)


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_answer_about_a_patient(browser: Browser, stack: Stack, language: str, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": WIDE["width"], "height": WIDE["height"]}, locale=LOCALES[language])
    visitor = Visitor(context.new_page(), stack.addresses["ui"], words(language))
    visitor.open("patient")
    for name, code in (("diag_1", "428"), ("diag_2", "250.6"), ("diag_3", "585")):
        title = visitor.page.get_by_role("combobox", name=visitor.words.label(name))
        title.click()
        title.press_sequentially(code)
        title.press("Enter")
        visitor.settle()
    stays = visitor.page.get_by_role("spinbutton", name=visitor.words.label("number_inpatient"))
    stays.fill("3")
    stays.press("Enter")
    visitor.settle()
    keep(f"form-{language}", visitor.picture("form", tmp_path).read_bytes())
    visitor.press("patient.ask")
    visitor.sees_heading("answer.title")
    whole = visitor.picture("answer", tmp_path).read_bytes()
    titles = (visitor.page.get_by_role("heading", name=visitor.words(key)) for key in ("answer.title", "what_if.title"))
    top, bottom = (_from_the_top(visitor, title) for title in titles)
    keep(f"answer-{language}", _cut(whole, SIDEBAR, top, bottom))
    context.close()


def _cut(picture: bytes, left: int, top: int, bottom: int) -> bytes:
    cut = io.BytesIO()
    Image.open(io.BytesIO(picture)).crop((left, top, WIDE["width"], bottom)).save(cut, "PNG")
    return cut.getvalue()


def _from_the_top(visitor: Visitor, element: Locator) -> int:
    """Where an element stands on a picture of the whole page."""
    place = element.bounding_box()
    assert place is not None
    scrolled = visitor.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
    return int(place["y"] + scrolled) - 20


def test_prefects_run_of_a_day(page: Page, stack: Stack) -> None:
    (run,) = stack.ask_prefect("POST", "/flow_runs/filter", sort="START_TIME_DESC", limit=1).json()
    # Where Prefect's page keeps the login that was typed in.
    page.add_init_script(f"localStorage.setItem('prefect-password', btoa('{stack.prefect.login}'))")
    page.goto(f"{stack.prefect.address}/runs/flow-run/{run['id']}")
    page.wait_for_timeout(STANDS_AFTER)
    keep("prefect", page.screenshot())


def test_airflows_dag_after_a_day(page: Page, stack: Stack, kept: Path) -> None:
    airflow = stack.addresses["airflow"]
    page.goto(airflow)
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill((kept / "airflow_password").read_text())
    page.keyboard.press("Enter")
    page.get_by_text("Dags").first.wait_for()
    page.goto(f"{airflow}/dags/{DAG}")
    page.get_by_text("Last Dag Run").wait_for()
    page.wait_for_timeout(STANDS_AFTER)
    keep("airflow", page.screenshot())


def test_a_run_in_mlflow(page: Page, stack: Stack) -> None:
    version = stack.get("api", "/versions/1")
    (chosen,) = (each for each in version["candidates"] if each["chosen"])
    page.goto(f"{stack.addresses['mlflow']}/#/experiments/1/runs/{chosen['run_id']}")
    page.get_by_role("button", name="Close").click()
    page.wait_for_timeout(STANDS_AFTER)
    keep("mlflow", page.screenshot())


def test_the_apis_own_page(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.addresses['api']}/docs")
    page.get_by_text("/predict_batch").first.click()
    page.wait_for_timeout(STANDS_AFTER)
    keep("api", page.screenshot())


def test_locust_at_work(page: Page, stack: Stack) -> None:
    page.goto(stack.addresses["locust"])
    page.locator("input[name=userCount]").fill(str(USERS))
    page.locator("input[name=spawnRate]").fill(str(USERS // 5))
    page.get_by_role("button", name="Start").click()
    page.get_by_role("tab", name="Charts").click()
    page.wait_for_timeout(8 * STANDS_AFTER)
    keep("locust", page.screenshot())
    page.get_by_role("button", name="Stop").first.click()
