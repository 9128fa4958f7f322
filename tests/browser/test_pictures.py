"""Screenshots for docs/pictures, of a stack with three days done: two by Prefect, one by Airflow."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageColor
from playwright.sync_api import Browser, Locator, Page, expect

from readmit.containers.project import ROOT
from readmit.pipeline import DAG
from tests.browser.conftest import LOCALES
from tests.browser.page import TIMEOUT_MILLISECONDS, WIDE, Visitor
from tests.e2e.containers import Stack, temporary_stack
from tests.e2e.dag_runs import Airflow
from tools.boards.__main__ import BOARDS
from tools.boards.panels import Board
from tools.boards.query_api import PrometheusApi
from tools.boards.render import draw_board, period_of
from ui.charts import BLUE, ORANGE
from ui.i18n import load_messages
from ui.patient_layout import ANSWER

pytestmark = pytest.mark.pictures
FOLDER = ROOT / "docs/pictures"
MAX_COLOURS = 128
CARD_PIXELS = 2_600
"""Height of the picture of the card, whose page is three times as long."""
RENDER_MILLISECONDS = 5_000
"""Time for the pages of other services to render completely."""
USERS = 300
CHARTS = {"many": 1, "statistics": 1, "model": 4}
"""Charts on a page; each page in the pictures has a table too."""
BOARDS_PERIOD = "30m"
"""Covers the days and the load test of these tests."""
MAX_COLOUR_DISTANCE = 48
CHART_COLOURS = {ImageColor.getrgb(colour) for colour in (BLUE, ORANGE)}


@pytest.fixture(scope="session")
def stack(data: Path, secrets_folder: Path) -> Iterator[Stack]:
    """Start a stack with Airflow and Locust, instead of the default stack of these tests."""
    exporters = ("blackbox-exporter", "mysqld-exporter", "node-exporter", "pushgateway")
    services = ("ui", "ec2-api", "flows", "airflow", "locust", "prometheus", "alertmanager", *exporters)
    with temporary_stack("readmit-pictures", data, secrets_folder, only=services) as running:
        for batch in (1, 2):
            assert running.run_day(batch=batch).state == "COMPLETED"
        airflow = Airflow(running, (secrets_folder / "airflow_password").read_text())
        assert airflow.wait_for_end(airflow.start(batch=3)).state == "success"
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": WIDE["width"], "height": WIDE["height"]}, locale=LOCALES["en"])
    yield context.new_page()
    context.close()


def save(name: str, screenshot: bytes) -> None:
    """Save a screenshot with a reduced palette, which suffices for a page."""
    FOLDER.mkdir(exist_ok=True)
    reduced = Image.open(io.BytesIO(screenshot)).convert("RGB").quantize(MAX_COLOURS, dither=Image.Dither.NONE)
    reduced.save(FOLDER / f"{name}.png", optimize=True)


def assert_charts_are_drawn(visitor: Visitor, number: int) -> None:
    """Check that the page shows this number of charts, each with bars or lines: 100 pixels of their colours."""
    charts = visitor.page.locator("[data-testid=stVegaLiteChart] :is(canvas, svg.marks)")
    expect(charts).to_have_count(number, timeout=TIMEOUT_MILLISECONDS)
    for chart in charts.all():
        picture = Image.open(io.BytesIO(chart.screenshot())).convert("RGB")
        colours = picture.getcolors(maxcolors=picture.width * picture.height) or []
        assert sum(pixels for pixels, colour in colours if _is_chart_colour(colour)) >= 100


def _is_chart_colour(colour: object) -> bool:
    """Return whether an RGB colour is one of a chart, or that of the edge of a line of it."""
    assert isinstance(colour, tuple)
    return any(
        max(abs(channel - other) for channel, other in zip(colour, of_chart, strict=False)) <= MAX_COLOUR_DISTANCE
        for of_chart in CHART_COLOURS
    )


@pytest.mark.parametrize("name", ["many", "statistics", "model", "card", "data", "system"])
def test_the_page(page: Page, stack: Stack, name: str, tmp_path: Path) -> None:
    visitor = Visitor(page, stack.addresses["ui"], load_messages("en"))
    visitor.open(name)
    if name == "many":
        visitor.page.get_by_role("radio", name=visitor.t("batch.from_source")).click()
        visitor.choose(visitor.t("batch.batch"), visitor.t("batch.batch_option", batch=3, number="15,000"))
        visitor.press("batch.predict", number="15,000")
        visitor.expect_heading("batch.results", name=visitor.t("batch.batch_name", batch=3))
    expect(page.get_by_role("table").first).to_be_visible(timeout=TIMEOUT_MILLISECONDS)
    assert_charts_are_drawn(visitor, CHARTS.get(name, 0))
    screenshot = visitor.screenshot(name, tmp_path).read_bytes()
    if name == "many":
        # Leave out the table: documents contain no individual stays.
        rows = visitor.page.get_by_role("table").first
        screenshot = _crop(screenshot, 0, 0, _top_of(visitor, rows))
    if name == "card":
        screenshot = _crop(screenshot, 0, 0, CARD_PIXELS)
    save(name, screenshot)


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_prediction_for_a_patient(browser: Browser, stack: Stack, language: str, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": WIDE["width"], "height": WIDE["height"]}, locale=LOCALES[language])
    visitor = Visitor(context.new_page(), stack.addresses["ui"], load_messages(language, LOCALES[language]))
    visitor.open("patient")
    for name, code in (("diag_1", "428"), ("diag_2", "250.6"), ("diag_3", "585")):
        diagnosis = visitor.page.get_by_role("combobox", name=visitor.t.label(name))
        diagnosis.click()
        diagnosis.press_sequentially(code)
        diagnosis.press("Enter")
        visitor.settle()
    stays = visitor.page.get_by_role("spinbutton", name=visitor.t.label("number_inpatient"))
    stays.fill("3")
    stays.press("Enter")
    visitor.settle()
    save(f"form-{language}", visitor.screenshot("form", tmp_path).read_bytes())
    visitor.press("patient.predict")
    visitor.expect_heading("prediction.title")
    assert_charts_are_drawn(visitor, 2)
    screenshot = visitor.screenshot("prediction", tmp_path).read_bytes()
    titles = (visitor.page.get_by_role("heading", name=visitor.t(key)) for key in ("prediction.title", "what_if.title"))
    top, bottom = (_top_of(visitor, title) for title in titles)
    answer = visitor.page.locator(f".st-key-{ANSWER}").bounding_box()
    assert answer is not None
    save(f"prediction-{language}", _crop(screenshot, int(answer["x"]) - 20, top, bottom))
    context.close()


def _crop(screenshot: bytes, left: int, top: int, bottom: int) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(screenshot)).crop((left, top, WIDE["width"], bottom)).save(buffer, "PNG")
    return buffer.getvalue()


def _top_of(visitor: Visitor, element: Locator) -> int:
    """Return the vertical position of an element on a screenshot of the whole page, in pixels."""
    box = element.bounding_box()
    assert box is not None
    scrolled = visitor.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
    return int(box["y"] + scrolled) - 20


def test_a_flow_run_in_prefect(page: Page, stack: Stack) -> None:
    (run,) = stack.prefect_request("POST", "/flow_runs/filter", sort="START_TIME_DESC", limit=1)
    # Prefect's page keeps its login here.
    page.add_init_script(f"localStorage.setItem('prefect-password', btoa('{stack.prefect.login}'))")
    page.goto(f"{stack.prefect.address}/runs/flow-run/{run['id']}")
    for text in ("daily batch 2", "check_source  batch 2"):
        page.get_by_text(text).first.wait_for()
    expect(page.locator("canvas").first).to_be_visible()
    page.wait_for_timeout(RENDER_MILLISECONDS)
    save("prefect", page.screenshot())


def test_the_dag_in_airflow(page: Page, stack: Stack, secrets_folder: Path) -> None:
    airflow = stack.addresses["airflow"]
    page.goto(airflow)
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill((secrets_folder / "airflow_password").read_text())
    page.keyboard.press("Enter")
    page.get_by_text("Dags").first.wait_for()
    page.goto(f"{airflow}/dags/{DAG}")
    page.get_by_text("Last Dag Run").wait_for()
    page.wait_for_timeout(RENDER_MILLISECONDS)
    save("airflow", page.screenshot())


def test_a_run_in_mlflow(page: Page, stack: Stack) -> None:
    version = stack.get("api", "/versions/1")
    (selected,) = (candidate for candidate in version["candidates"] if candidate["chosen"])
    page.goto(f"{stack.addresses['mlflow']}/#/experiments/1/runs/{selected['run_id']}")
    page.get_by_role("button", name="Close").click()
    page.get_by_text("brier", exact=True).wait_for()
    page.wait_for_timeout(RENDER_MILLISECONDS)
    save("mlflow", page.screenshot())


def test_the_api_documentation(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.addresses['api']}/docs")
    page.get_by_text("/predict_batch").first.click()
    page.get_by_role("button", name="Try it out").wait_for()
    page.wait_for_timeout(RENDER_MILLISECONDS)
    save("api", page.screenshot())


def test_a_load_test_in_locust(page: Page, stack: Stack, secrets_folder: Path) -> None:
    page.goto(stack.addresses["locust"])
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill((secrets_folder / "locust_password").read_text())
    page.get_by_role("button", name="Login").click()
    page.locator("input[name=userCount]").fill(str(USERS))
    page.locator("input[name=spawnRate]").fill(str(USERS // 5))
    page.get_by_role("button", name="Start").click()
    page.get_by_role("tab", name="Charts").click()
    page.get_by_text(f"{USERS}", exact=True).first.wait_for()
    page.wait_for_timeout(8 * RENDER_MILLISECONDS)
    expect(page.locator("canvas, svg.chart")).not_to_have_count(0)
    save("locust", page.screenshot())
    page.get_by_role("button", name="Stop").first.click()


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_board(stack: Stack, board: Board) -> None:
    """Drawn from Prometheus's data: Grafana's image is not available everywhere."""
    picture = io.BytesIO()
    api = PrometheusApi(stack.addresses["prometheus"])
    draw_board(board, api, period_of(BOARDS_PERIOD, time.time())).savefig(picture, format="png")
    save(f"board-{board.uid}", picture.getvalue())
