"""Text that came from a file, a request, the API or its stores stays text in the UI and in what leaves it as CSV."""

import ast
import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
import streamlit as st
from google.protobuf.message import Message  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import settings as cases
from hypothesis import strategies as some
from litestar.testing import TestClient
from markdown_it import MarkdownIt
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element

from api import openapi_examples
from api.app import create_app
from api.example import EXAMPLE
from readmit.core.spreadsheet import FORMULA_STARTS, escape_formula
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from readmit.sql import lines
from tests.api.conftest import LOCAL, TOKEN, Shelf, address, served, shelf
from tests.io.conftest import Answer, answering
from tests.ui.conftest import Visit, settings, visit
from ui.batch_page import UPLOAD
from ui.batch_results import Scored, as_csv
from ui.encounter_file import usual
from ui.escaping import JOINER, escape_markdown
from ui.patient_page import LOADED

__all__ = ["address", "answering", "served", "settings", "shelf", "visit"]

Record = Callable[[str, object], None]
UI = Path(__file__).parents[2] / "ui"
MARKER = "# ![x](http://evil.example/p.png) :material/evil: :red[x] :smile: $\\x$ <img> **b** `c` "
MARKER += "www.evil.example a@evil.example"
LIVE = ("![", "http://", ":material/evil", ":red[", ":smile", "www.evil", "a@evil")
"""What Streamlit would act on, had it not been escaped."""
ESCAPABLE = ("$", "<img", "**b", "`c")
NO_MARKDOWN = {"options", "raw_options", "placeholder", "spec", "url", "value", "default", "raw_values", "id", "data"}
"""Fields of Streamlit's messages that it shows as they are, or does not show; tables are looked at by their cells."""
KEPT = {"at", "page", "field", "scale", "state", "step"}


def texts(message: Message) -> Iterator[str]:
    """Every text of a message to the browser that may be read as Markdown."""
    for field, value in message.ListFields():
        if field.name in NO_MARKDOWN:
            continue
        for each in value if field.is_repeated else (value,):
            if isinstance(each, str):
                yield each
            elif isinstance(each, Message):
                yield from texts(each)


def shown(app: AppTest) -> list[str]:
    found: list[str] = []
    for node in (*app.main, *app.sidebar):
        if isinstance(node, Element | Block) and isinstance(node.proto, Message):
            found += texts(node.proto)
    for table in app.table:
        found += [str(cell) for cell in (*table.value.columns, *table.value.to_numpy().flatten())]
    return found


def assert_inert(app: AppTest) -> None:
    assert not app.exception
    found = shown(app)
    assert any("evil" in text for text in found), "the marker is not on the page"
    for text in found:
        assert not any(live in text for live in LIVE), text
        assert not any(live in text.replace(f"\\{live}", "") for live in ESCAPABLE if "evil" in text), text


def hostile(example: Any, key: str = "") -> Any:
    """An answer of the API with the marker in every text but those that name a choice of ours or a moment."""
    if isinstance(example, dict):
        return {name: hostile(value, name) for name, value in example.items()}
    if isinstance(example, list):
        return [hostile(each, key) for each in example]
    return MARKER if isinstance(example, str) and key not in KEPT and not key.endswith("_at") else example


ROUTES: dict[str, Any] = {
    "/health": {**hostile(openapi_examples.HEALTH), "model_loaded": True},
    "/model": hostile(openapi_examples.MODEL),
    "/predict": hostile(openapi_examples.ANSWER),
    "/batches": hostile(openapi_examples.BATCHES),
    "/days": {
        **hostile(openapi_examples.DAYS),
        "items": [{**hostile(openapi_examples.DAYS["items"][0]), "error": MARKER}],
    },  # type: ignore[index]
    "/quarantine": {
        **openapi_examples.QUARANTINE,
        "items": [{**hostile(openapi_examples.QUARANTINE["items"][0]), "field": MARKER}],
    },  # type: ignore[index]
    "/statistics": {
        **openapi_examples.STATISTICS,
        "items": [{**hostile(openapi_examples.STATISTICS["items"][0]), "field": MARKER}],
    },  # type: ignore[index]
    "/services": {**hostile(openapi_examples.SERVICES), "total": 2, "page": 1, "pages": 1},
    "/versions": hostile(openapi_examples.VERSIONS),
}
NOTE = {"at": datetime.now(UTC).isoformat(), "by": MARKER, "why": MARKER}


def answer(path: str) -> Answer:
    route = path.partition("?")[0]
    told = ROUTES.get(route) or {
        **hostile(openapi_examples.VERSION),
        "rival": MARKER,
        "placed": NOTE,
        "rolled_back": NOTE,
    }
    return 200, {"Content-Type": "application/json"}, json.dumps(told).encode()


@pytest.fixture
def hostile_visit(
    visit: Visit, answering: Callable[[Callable[[str], Answer]], str], monkeypatch: pytest.MonkeyPatch
) -> Visit:
    """Opens pages on an API whose every text is an attack."""
    monkeypatch.setenv("READMIT_API_URLS", answering(answer))
    st.cache_resource.clear()
    return visit


@pytest.mark.attack("markdown injection", "ui")
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("page", ["statistics", "model", "data", "system"])
def test_what_the_api_and_its_stores_say_is_shown_as_text(
    hostile_visit: Visit, page: str, language: str, record_property: Record
) -> None:
    assert_inert(hostile_visit(page, language))
    record_property("answer", "escaped")


@pytest.mark.attack("markdown injection", "ui")
def test_the_versions_and_doubts_of_an_answer_are_shown_as_text(hostile_visit: Visit, record_property: Record) -> None:
    app = hostile_visit("patient")
    next(button for button in app.button if button.label == "Predict").click().run()
    assert_inert(app)
    record_property("answer", "escaped")


@pytest.mark.attack("markdown injection", "ui")
@pytest.mark.usefixtures("hostile_visit")
def test_the_sidebar_shows_the_version_as_text(record_property: Record) -> None:
    app = AppTest.from_file(UI / "app.py", default_timeout=30).run()
    assert_inert(app)
    record_property("answer", "escaped")


def table(**more: str) -> bytes:
    row = {name: str(value) for name, value in usual().items()}
    return pl.DataFrame([{**row, **more}]).write_csv().encode()


@pytest.mark.attack("markdown injection", "ui")
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (table(**{MARKER: "1"}), "cases.csv"),
        (table(age=MARKER), "cases.csv"),
        (table(diag_1=MARKER), "cases.csv"),
        (table(), f"{MARKER.replace('/', '')}http://evil.csv"),
        (table().replace(b"race,gender", f'"{MARKER}","{MARKER}"'.encode()), "cases.csv"),
    ],
    ids=["column", "cell", "code", "file name", "columns twice"],
)
def test_names_and_cells_of_a_file_are_shown_as_text(
    visit: Visit, content: bytes, name: str, record_property: Record
) -> None:
    app = visit("many").file_uploader(key=UPLOAD).set_value((name, content, "text/csv")).run()
    if [button for button in app.button if button.key == "ask_file"]:
        app.button(key="ask_file").click().run()
    assert_inert(app)
    record_property("answer", "escaped")


@pytest.mark.attack("markdown injection", "ui")
@pytest.mark.parametrize("case", [{MARKER: 1}, {"age": MARKER}, {"payer_code": MARKER}, {"diag_1": MARKER}])
def test_names_and_values_of_a_case_are_shown_as_text(
    visit: Visit, case: dict[str, object], record_property: Record
) -> None:
    content = json.dumps({**usual(), **case}).encode()
    app = visit("patient").file_uploader(key=LOADED).set_value(("case.json", content, "application/json")).run()
    assert_inert(app)
    record_property("answer", "escaped")


@pytest.mark.attack("markdown injection", "ui")
def test_what_somebody_typed_is_shown_as_text(visit: Visit, record_property: Record) -> None:
    app = visit("patient")
    app.text_input(key="field.payer_code").set_value(MARKER).run()
    assert_inert(app)
    record_property("answer", "escaped")


@pytest.mark.parametrize("line", ["# a", "- a", "+ a", "1. a", "12) a", "=", "---", "> a", "* a"])
def test_a_text_begins_no_heading_list_or_quotation(line: str) -> None:
    assert "\\" in escape_markdown(line)[:4]


@pytest.mark.parametrize("text", ["12.3 %", "428 · Heart failure", "'old' is wrong", "2026-11-25 09:41", "a, b; c (d)"])
def test_a_text_without_markdown_stays_as_it_is(text: str) -> None:
    assert escape_markdown(text) == text


@cases(max_examples=300, deadline=None)
@given(some.text(some.sampled_from("\\`*_{}[]()<>#+-.!|~$:;&^='\" \n\tab19/@www"), max_size=40))
def test_no_text_means_anything_to_a_markdown_parser(text: str) -> None:
    blocks = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(escape_markdown(text))
    children = [child for block in blocks for child in block.children or []]
    assert {block.type for block in blocks} <= {"paragraph_open", "inline", "paragraph_close"}
    assert {child.type for child in children} <= {"text"}
    assert "".join(child.content for child in children).replace(JOINER, "") == " ".join(text.split())


SINKS = {
    *("error", "warning", "info", "success", "caption", "write", "markdown", "header", "subheader", "title", "text"),
    *("metric", "expander", "button", "link_button", "progress", "toast", "table", "dataframe", "popover", "badge"),
}
OUTSIDE = {"said", "of", "label", "term", "choice"}
"""Methods of `Messages` whose text may be somebody else's."""


def unescaped(node: ast.AST) -> bool:
    """Whether an argument holds a text with filled gaps, or one of somebody else's, that is not escaped."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "escape_markdown":
            return False
        if (name == "words" and node.keywords) or name in OUTSIDE:
            return True
    return any(unescaped(child) for child in ast.iter_child_nodes(node))


@pytest.mark.parametrize("file", sorted(UI.glob("*.py")), ids=lambda file: file.name)
def test_every_text_with_filled_gaps_goes_through_the_escape_function(file: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    shows = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in SINKS]
    found = [ast.unparse(call) for call in shows for argument in call.args[:1] if unescaped(argument)]
    if file.name != "tables.py":
        found += [ast.unparse(call) for call in shows if ast.unparse(call.func) in ("st.table", "st.dataframe")]
    assert found == []


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_a_text_that_a_spreadsheet_would_calculate_gets_an_apostrophe(start: str) -> None:
    assert escape_formula(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", ["-5", "+1", "-0.25", "12", "", "a=b", ">7", "[0-10)"])
def test_numbers_and_other_texts_stay_as_they_are(text: str) -> None:
    assert escape_formula(text) == text


@pytest.mark.attack("formula injection", "ui")
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_the_download_of_the_ui_holds_no_formula(start: str, kind: pa.DataType, record_property: Record) -> None:
    attack = f"{start}HYPERLINK(1)"
    sent = pa.table({attack: pa.array([attack, None], kind), "count": pa.array([-5, 5])})
    answers = pa.table({"index": [0, 1], "prediction": [None, 0], "probability": [None, 0.1], "error": [attack, None]})
    content = as_csv(Scored("cases.csv", sent, answers, "1", 0.1)).decode()
    header, first, _ = csv.reader(io.StringIO(content, newline=""))
    assert header == [f"'{attack}", "count", "prediction", "probability", "error"]
    assert first == [f"'{attack}", "-5", "", "", f"'{attack}"]
    record_property("answer", "escaped")


@pytest.mark.attack("formula injection", "api")
@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_a_csv_answer_of_the_api_holds_no_formula(served: Any, start: str, record_property: Record) -> None:
    records = [{**EXAMPLE, f"{start}HYPERLINK(1)": 1}, EXAMPLE]
    own = Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)
    with TestClient(create_app(Shelf(served), own), base_url=LOCAL) as client:
        content = client.post("/predict_batch", json=records, headers={"Accept": "text/csv"}).text
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    # A control character is shown as its escape sequence, in quotation marks.
    assert rows[0]["error"].startswith((f"'{start}HYPERLINK", "'\\"))
    assert rows[1]["error"] == ""
    record_property("answer", "escaped")


def test_a_question_in_sql_answered_as_csv_holds_no_formula(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path}")
    migrate()
    question = "SELECT '=1+1' AS \"@name\", -5 AS number"
    assert list(lines(f"sqlite:///{tmp_path}", question, None)) == ["'@name,number", "'=1+1,-5"]
