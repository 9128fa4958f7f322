"""The routes of model cards, with a real database (SQLite) and a registry that responds like MLflow."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from api.app import create_app
from api.fast_path import FastPath
from api.read_api.card_routes import MARKDOWN, preferred_language
from readmit.io.database.connection import connect
from readmit.io.database.schema import migrate
from readmit.settings import Settings
from tests.api.conftest import LOCAL, InMemoryModelSource
from tests.api.ledger_rows import store_verdict
from tests.api.registry import answer_mlflow
from tests.card_facts import TRAINING
from tests.io.conftest import StubResponse, stub_server

__all__ = ["stub_server"]

Client = TestClient[FastPath]
CARDS = ("/model/card", "/versions/2/card")


@pytest.fixture
def stores(tmp_path: Path, stub_server: Callable[[Callable[[str], StubResponse]], str]) -> Settings:
    address = f"sqlite:///{tmp_path / 'db'}"
    connect(address)
    migrate()
    return Settings(database_url=address, mlflow_tracking_uri=stub_server(answer_mlflow), model_poll_seconds=3600)


@pytest.fixture
def reader(model_source: InMemoryModelSource, stores: Settings) -> Iterator[Client]:
    with TestClient(create_app(model_source, stores), base_url=LOCAL) as client:
        yield client


def item_of(card: dict[str, Any], item_id: str) -> dict[str, Any]:
    return next(item for section in card["sections"] for item in section["items"] if item["id"] == item_id)


def test_a_card_has_the_facts_the_figures_and_the_verdict_that_are_stored(reader: Client) -> None:
    store_verdict("2", training=TRAINING)
    card = reader.get("/versions/2/card").json()
    assert (card["version"], card["language"], card["title"]) == ("2", "en", "Model card: version 2")
    assert card["figures"] == {"roc_auc": 0.68, "log_loss": None}
    assert [section["id"] for section in card["sections"]] == ["readmit", "hti_1", "tripod_ai"]
    assert "24,900 encounters" in item_of(card, "training_data")["text"][0]
    assert item_of(card, "inputs")["table"]["rows"][0][0] == "payer_code"
    assert item_of(card, "verdict")["text"] == [
        "Promoted. Reasons, as recorded:",
        "better",
        "Compared with version 1 on the same test patients.",
    ]
    assert "UTC" in item_of(card, "created")["text"][0]


def test_the_card_of_the_model_is_that_of_the_served_version(reader: Client) -> None:
    card = reader.get("/model/card").json()
    assert (card["version"], card["figures"]) == ("1", {"roc_auc": 0.68})


def test_a_version_without_a_verdict_has_a_card_of_what_is_known(reader: Client) -> None:
    card = reader.get("/versions/1/card").json()
    assert card["figures"] == {}
    assert item_of(card, "performance") == {
        "id": "performance",
        "title": "Performance on the test split",
        "available": False,
        "text": ["not available"],
        "table": None,
    }


def test_a_verdict_from_before_there_were_cards_still_reads(reader: Client) -> None:
    store_verdict("2")
    card = reader.get("/versions/2/card").json()
    assert card["figures"]["roc_auc"] == 0.68
    assert item_of(card, "inputs")["table"] is None


@pytest.mark.parametrize("path", CARDS)
def test_a_card_is_markdown_if_the_client_prefers_it(reader: Client, path: str) -> None:
    for accept, media_type in (
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json;q=0.5, text/markdown", "text/markdown; charset=utf-8"),
    ):
        answer = reader.get(path, headers={} if accept is None else {"Accept": accept})
        assert answer.headers["content-type"] == media_type
        assert answer.headers["vary"] == "Accept, Accept-Language"
    assert answer.text.startswith("# Model card: version ")


def test_the_language_is_that_of_the_parameter_or_of_the_header(reader: Client) -> None:
    for query, header, language in (
        ("", "", "en"),
        ("", "es-PE, en;q=0.5", "es"),
        ("?lang=es", "en", "es"),
        ("?lang=en", "es", "en"),
    ):
        answer = reader.get(f"/versions/1/card{query}", headers={"Accept-Language": header})
        assert (answer.json()["language"], answer.headers["content-language"]) == (language, language)
    markdown = reader.get("/versions/1/card?lang=es", headers={"Accept": MARKDOWN})
    assert markdown.text.startswith("# Ficha del modelo: versi\N{LATIN SMALL LETTER O WITH ACUTE}n 1")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("es", "es"),
        ("ES-419,en;q=0.9", "es"),
        ("en;q=0.2, es;q=0.8", "es"),
        ("es;q=0, en;q=0.1", "en"),
        ("fr, de", "en"),
        ("es;q=inf", "en"),
        ("es;q=1e5, ;;,=", "en"),
        ("*", "en"),
        ("es;" * 1_000, "en"),
    ],
)
def test_the_language_that_the_browser_prefers_is_used_if_there_is_one(header: str, language: str) -> None:
    assert preferred_language(header, ("en", "es")) == language


def test_what_a_card_can_not_be_is_refused(reader: Client) -> None:
    unknown = reader.get("/versions/9/card")
    assert (unknown.status_code, "9" in unknown.json()["error"]["message"]) == (404, True)
    assert reader.get("/versions/1/card", headers={"Accept": "text/html"}).status_code == 406
    answer = reader.get("/versions/1/card?lang=fr")
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"] == [{"field": "lang", "message": "must be one of en, es"}]


def test_head_has_the_headers_of_get_without_a_body(reader: Client) -> None:
    for path in CARDS:
        answer = reader.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-language"] == "en"


def test_without_a_model_there_is_no_card_of_it(stores: Settings) -> None:
    with TestClient(create_app(InMemoryModelSource(), stores), base_url=LOCAL) as client:
        assert client.get("/model/card").status_code == 503
        assert client.get("/versions/1/card").status_code == 200


def test_cards_require_the_key_where_one_is_set(model_source: InMemoryModelSource, stores: Settings) -> None:
    keyed = stores.model_copy(update={"api_key": SecretStr("a key")})
    with TestClient(create_app(model_source, keyed), base_url=LOCAL) as client:
        for path in CARDS:
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"X-API-Key": "a key"}).status_code == 200
