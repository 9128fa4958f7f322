"""Text from files, requests, the API or its stores is shown as text in the UI and exported as text in CSV."""

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
from google.protobuf.message import Message  # type: ignore[import-untyped]  # has no stubs
from hypothesis import given
from hypothesis import settings as cases
from hypothesis import strategies as some
from litestar.testing import TestClient
from markdown_it import MarkdownIt
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element

from api import model_examples, openapi_examples
from api.app import create_app
from api.example import EXAMPLE
from readmit.core.spreadsheet import FORMULA_STARTS, escape_formula
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from readmit.sql import lines
from tests.api.conftest import LOCAL, TOKEN, InMemoryModelSource, address, model_source, served
from tests.io.conftest import StubResponse, stub_server
from tests.ui.conftest import Visit, settings, visit
from ui.batch_page import UPLOAD
from ui.batch_results import BatchResults, as_csv
from ui.encounter_file import default_case
from ui.escaping import JOINER, escape_markdown
from ui.patient_page import CASE_FILE

__all__ = ["address", "model_source", "served", "settings", "stub_server", "visit"]

Record = Callable[[str, object], None]
UI = Path(__file__).parents[2] / "ui"
MARKER = "# ![x](http://evil.example/p.png) :material/evil: :red[x] :smile: $\\x$ <img> **b** `c` "
MARKER += "www.evil.example a@evil.example"
ACTIVE_MARKUP = ("![", "http://", ":material/evil", ":red[", ":smile", "www.evil", "a@evil")
"""Markup that Streamlit would interpret if it were not escaped."""
ESCAPABLE = ("$", "<img", "**b", "`c")
NO_MARKDOWN = {"options", "raw_options", "placeholder", "spec", "url", "value", "default", "raw_values", "id", "data"}
"""Fields of Streamlit's messages that are shown verbatim or not at all; tables are checked by their cells."""
UNCHANGED_FIELDS = {"at", "page", "field", "scale", "state", "step"}


def texts(message: Message) -> Iterator[str]:
    """Yield every text of a browser message that may be interpreted as Markdown."""
    for field, value in message.ListFields():
        if field.name in NO_MARKDOWN:
            continue
        for item in value if field.is_repeated else (value,):
            if isinstance(item, str):
                yield item
            elif isinstance(item, Message):
                yield from texts(item)


def visible_text(app: AppTest) -> list[str]:
    result: list[str] = []
    for node in (*app.main, *app.sidebar):
        if isinstance(node, Element | Block) and isinstance(node.proto, Message):
            result += texts(node.proto)
    for table in app.table:
        result += [str(cell) for cell in (*table.value.columns, *table.value.to_numpy().flatten())]
    return result


def assert_inert(app: AppTest) -> None:
    assert not app.exception
    visible_texts = visible_text(app)
    assert any("evil" in text for text in visible_texts), "the marker is not on the page"
    for text in visible_texts:
        assert not any(markup in text for markup in ACTIVE_MARKUP), text
        assert not any(markup in text.replace(f"\\{markup}", "") for markup in ESCAPABLE if "evil" in text), text


def hostile(example: Any, key: str = "") -> Any:
    """Return an API response with the marker in every text but enumerations and times."""
    if isinstance(example, dict):
        return {name: hostile(value, name) for name, value in example.items()}
    if isinstance(example, list):
        return [hostile(item, key) for item in example]
    return MARKER if isinstance(example, str) and key not in UNCHANGED_FIELDS and not key.endswith("_at") else example


ROUTES: dict[str, Any] = {
    "/health": {**hostile(openapi_examples.HEALTH), "model_loaded": True},
    "/model": hostile(openapi_examples.MODEL),
    "/predict": hostile(openapi_examples.PREDICTION),
    "/batches": hostile(openapi_examples.BATCHES),
    "/days": {
        **hostile(openapi_examples.DAYS),
        "items": [{**hostile(openapi_examples.DAYS["items"][0]), "error": MARKER}],
    },  # type: ignore[index]  # an example
    "/quarantine": {
        **openapi_examples.QUARANTINE,
        "items": [{**hostile(openapi_examples.QUARANTINE["items"][0]), "field": MARKER}],
    },  # type: ignore[index]  # an example
    "/statistics": {
        **openapi_examples.STATISTICS,
        "items": [{**hostile(openapi_examples.STATISTICS["items"][0]), "field": MARKER}],
    },  # type: ignore[index]  # an example
    "/services": {**hostile(openapi_examples.SERVICES), "total": 2, "page": 1, "pages": 1},
    "/versions": hostile(openapi_examples.VERSIONS),
    "/prospective": hostile(model_examples.PROSPECTIVE),
}
NOTE = {"at": datetime.now(UTC).isoformat(), "by": MARKER, "why": MARKER}


def hostile_response(path: str) -> StubResponse:
    route = path.partition("?")[0]
    body = ROUTES.get(route) or {
        **hostile(openapi_examples.VERSION),
        "rival": MARKER,
        "placed": NOTE,
        "rolled_back": NOTE,
    }
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


@pytest.fixture
def hostile_visit(
    visit: Visit, stub_server: Callable[[Callable[[str], StubResponse]], str], monkeypatch: pytest.MonkeyPatch
) -> Visit:
    """Visit pages with an API whose texts are all attacks."""
    monkeypatch.setenv("READMIT_API_URLS", stub_server(hostile_response))
    st.cache_resource.clear()
    return visit


@pytest.mark.attack("markdown injection", "ui")
@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("page", ["statistics", "model", "data", "system"])
def test_texts_of_the_api_and_its_stores_are_shown_as_text(
    hostile_visit: Visit, page: str, language: str, record_property: Record
) -> None:
    assert_inert(hostile_visit(page, language))
    record_property("answer", "escaped")


@pytest.mark.attack("markdown injection", "ui")
def test_the_versions_and_warnings_of_a_prediction_are_shown_as_text(
    hostile_visit: Visit, record_property: Record
) -> None:
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


def table(**changes: str) -> bytes:
    row = {name: str(value) for name, value in default_case().items()}
    return pl.DataFrame([{**row, **changes}]).write_csv().encode()


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
    if [button for button in app.button if button.key == "predict_file"]:
        app.button(key="predict_file").click().run()
    assert_inert(app)
    record_property("answer", "escaped")


@pytest.mark.attack("markdown injection", "ui")
@pytest.mark.parametrize("case", [{MARKER: 1}, {"age": MARKER}, {"payer_code": MARKER}, {"diag_1": MARKER}])
def test_names_and_values_of_a_case_are_shown_as_text(
    visit: Visit, case: dict[str, object], record_property: Record
) -> None:
    content = json.dumps({**default_case(), **case}).encode()
    app = visit("patient").file_uploader(key=CASE_FILE).set_value(("case.json", content, "application/json")).run()
    assert_inert(app)
    record_property("answer", "escaped")


@pytest.mark.attack("markdown injection", "ui")
def test_typed_input_is_shown_as_text(visit: Visit, record_property: Record) -> None:
    app = visit("patient")
    app.text_input(key="field.payer_code").set_value(MARKER).run()
    assert_inert(app)
    record_property("answer", "escaped")


@pytest.mark.parametrize("line", ["# a", "- a", "+ a", "1. a", "12) a", "=", "---", "> a", "* a"])
def test_a_text_starts_no_heading_list_or_quotation(line: str) -> None:
    assert "\\" in escape_markdown(line)[:4]


@pytest.mark.parametrize("text", ["12.3 %", "428 · Heart failure", "'old' is wrong", "2026-11-25 09:41", "a, b; c (d)"])
def test_a_text_without_markdown_is_unchanged(text: str) -> None:
    assert escape_markdown(text) == text


@cases(max_examples=300, deadline=None)
@given(some.text(some.sampled_from("\\`*_{}[]()<>#+-.!|~$:;&^='\" \n\tab19/@www"), max_size=40))
def test_an_escaped_text_has_no_markup_for_a_markdown_parser(text: str) -> None:
    blocks = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(escape_markdown(text))
    children = [child for block in blocks for child in block.children or []]
    assert {block.type for block in blocks} <= {"paragraph_open", "inline", "paragraph_close"}
    assert {child.type for child in children} <= {"text"}
    assert "".join(child.content for child in children).replace(JOINER, "") == " ".join(text.split())


SINKS = {
    *("error", "warning", "info", "success", "caption", "write", "markdown", "header", "subheader", "title", "text"),
    *("metric", "expander", "button", "link_button", "progress", "toast", "table", "dataframe", "popover", "badge"),
}
UNTRUSTED_METHODS = {"translate", "lookup", "label", "term", "choice"}
"""Methods of `Messages` that may return untrusted text."""


def unescaped(node: ast.AST) -> bool:
    """Return whether an argument contains a formatted or untrusted text that is not escaped."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "escape_markdown":
            return False
        if (name == "t" and node.keywords) or name in UNTRUSTED_METHODS:
            return True
    return any(unescaped(child) for child in ast.iter_child_nodes(node))


@pytest.mark.parametrize("file", sorted(UI.glob("*.py")), ids=lambda file: file.name)
def test_every_formatted_text_is_escaped(file: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    output_calls = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in SINKS]
    violations = [ast.unparse(call) for call in output_calls for argument in call.args[:1] if unescaped(argument)]
    if file.name != "plain_table.py":
        violations += [
            ast.unparse(call) for call in output_calls if ast.unparse(call.func) in ("st.table", "st.dataframe")
        ]
    assert violations == []


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_a_text_that_a_spreadsheet_would_evaluate_gets_an_apostrophe(start: str) -> None:
    assert escape_formula(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", ["-5", "+1", "-0.25", "12", "", "a=b", ">7", "[0-10)"])
def test_numbers_and_other_texts_are_unchanged(text: str) -> None:
    assert escape_formula(text) == text


@pytest.mark.attack("formula injection", "ui")
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_the_download_of_the_ui_has_no_formula(start: str, kind: pa.DataType, record_property: Record) -> None:
    attack = f"{start}HYPERLINK(1)"
    rows = pa.table({attack: pa.array([attack, None], kind), "count": pa.array([-5, 5])})
    warnings = pa.array([[], [attack, "unusual"]], pa.list_(pa.string()))
    answers = {"index": [0, 1], "prediction": [None, 0], "probability": [None, 0.1], "error": [attack, None]}
    results = pa.table({**answers, "warnings": warnings})
    content = as_csv(BatchResults("cases.csv", rows, results, "1", 0.1)).decode()
    header, first, second = csv.reader(io.StringIO(content, newline=""))
    assert header == [f"'{attack}", "count", "prediction", "probability", "error", "warnings"]
    assert first == [f"'{attack}", "-5", "", "", f"'{attack}", ""]
    assert second[-1] == f"'{attack} unusual"
    record_property("answer", "escaped")


@pytest.mark.attack("formula injection", "api")
@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_a_csv_response_of_the_api_has_no_formula(served: Any, start: str, record_property: Record) -> None:
    records = [{**EXAMPLE, f"{start}HYPERLINK(1)": 1}, EXAMPLE]
    api_settings = Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)
    with TestClient(create_app(InMemoryModelSource(served), api_settings), base_url=LOCAL) as client:
        content = client.post("/predict_batch", json=records, headers={"Accept": "text/csv"}).text
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    # A control character is shown as its escape sequence, in quotation marks.
    assert rows[0]["error"].startswith((f"'{start}HYPERLINK", "'\\"))
    assert rows[1]["error"] == ""
    record_property("answer", "escaped")


def test_an_sql_result_as_csv_has_no_formula(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path}")
    migrate()
    query = "SELECT '=1+1' AS \"@name\", -5 AS number"
    assert list(lines(f"sqlite:///{tmp_path}", query, None)) == ["'@name,number", "'=1+1,-5"]
