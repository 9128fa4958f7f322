"""A browser, and a separate container stack with one day done."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from readmit.containers import secrets
from tests.browser.chromium import chromium
from tests.browser.page import LOCALES, WIDE, Visitor
from tests.e2e.containers import Stack, temporary_stack
from ui.i18n import load_messages

NAME = "readmit-browser"
OpenVisitor = Callable[..., Visitor]


@pytest.fixture(scope="session")
def secrets_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the directory with the secrets of the stack."""
    folder = tmp_path_factory.mktemp("browser") / "secrets"
    secrets.create_missing(folder, {})
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stack(data: Path, secrets_folder: Path) -> Iterator[Stack]:
    """Start a stack with the page, the services it shows, and one day done."""
    with temporary_stack(NAME, data, secrets_folder, only=("ui", "ec2-api", "flows")) as running:
        assert running.run_day(batch=1).state == "COMPLETED"
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def open_visitor(browser: Browser, stack: Stack) -> Iterator[OpenVisitor]:
    """Open the page in a language and colour scheme."""
    contexts = []

    def visit(language: str = "en", scheme: str = "light") -> Visitor:
        context = browser.new_context(
            locale=LOCALES[language],
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": WIDE["width"], "height": WIDE["height"]},
            accept_downloads=True,
        )
        contexts.append(context)
        return Visitor(context.new_page(), stack.addresses["ui"], load_messages(language, LOCALES[language]))

    yield visit
    for context in contexts:
        context.close()
