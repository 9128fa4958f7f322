"""A browser, and a stack of containers of its own with one day done."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from readmit.containers import secrets
from tests.browser.chromium import chromium
from tests.browser.page import WIDE, Visitor
from tests.e2e.containers import Stack, stack_of_its_own
from ui.i18n import words

NAME = "readmit-browser"
LOCALES = {"en": "en-US", "es": "es-PE"}
Visiting = Callable[..., Visitor]


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The secrets of the stack."""
    folder = tmp_path_factory.mktemp("browser") / "secrets"
    secrets.make(folder, {})
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stack(data: Path, kept: Path) -> Iterator[Stack]:
    """With the page, all that it shows, and one day done."""
    with stack_of_its_own(NAME, data, kept, only=("ui", "ec2-api", "flows")) as up:
        assert up.day(batch=1).state == "COMPLETED"
        yield up


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def visiting(browser: Browser, stack: Stack) -> Iterator[Visiting]:
    """Opens the page for somebody who reads a language, by light or in the dark."""
    contexts = []

    def visit(language: str = "en", scheme: str = "light") -> Visitor:
        context = browser.new_context(
            locale=LOCALES[language],
            color_scheme="dark" if scheme == "dark" else "light",
            viewport={"width": WIDE["width"], "height": WIDE["height"]},
            accept_downloads=True,
        )
        contexts.append(context)
        return Visitor(context.new_page(), stack.addresses["ui"], words(language))

    yield visit
    for context in contexts:
        context.close()
