"""The page as a person meets it: found by what it says, never by how it is built."""

import re
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from readmit.containers.project import ROOT
from ui.i18n import Messages, words

PICTURES = ROOT / "var/browser"
SERIOUS = ("serious", "critical")
WIDE = {"width": 1280, "height": 900}
PATIENCE = 30_000
"""Milliseconds."""
AT_WORK = "[data-test-script-state=running], [data-testid=stSkeleton], [data-stale=true]"
"""What Streamlit's page holds while it is being made; a person sees its sign only later."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody at the page, who reads a language."""

    page: Page
    address: str
    words: Messages

    def open(self, name: str) -> None:
        """Goes to one of the pages and waits until it stands."""
        self.page.goto(f"{self.address}/{'' if name == 'patient' else name}")
        self.page.get_by_role("heading", level=1).wait_for(timeout=PATIENCE)
        self.settle()

    def settle(self) -> None:
        """Waits until the page is not being made any more."""
        self.page.wait_for_function(f"() => !document.querySelector('{AT_WORK}')", timeout=PATIENCE)

    def press(self, key: str, **values: object) -> None:
        self.page.get_by_role("button", name=self.words(key, **values), exact=True).click()

    def chooses(self, label: str, option: str, by: str = "") -> None:
        """Opens a list, types what he looks for it by, and takes an option."""
        # A list that is open while the page is being made closes.
        self.settle()
        box = self.page.get_by_role("combobox", name=label)
        box.click()
        box.press_sequentially(by)
        self.page.get_by_role("option", name=option, exact=True).click()
        self.settle()

    def sees(self, text: str) -> None:
        """A text stands on the page, or will in a moment."""
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=PATIENCE)

    def sees_heading(self, key: str, **values: object) -> None:
        expect(self.page.get_by_role("heading", name=self.words(key, **values))).to_be_visible(timeout=PATIENCE)

    def speaks(self, language: str) -> "Visitor":
        """The same visitor after he has switched the language."""
        name = {"en": "English", "es": "Español"}[language]
        self.page.get_by_test_id("stSidebar").get_by_role("radio", name=name).click()
        spoken = Visitor(self.page, self.address, words(language))
        spoken.sees(spoken.words("side.language"))
        spoken.settle()
        return spoken

    def picture(self, name: str, folder: Path = PICTURES) -> Path:
        """The whole page as a picture."""
        folder.mkdir(parents=True, exist_ok=True)
        self.settle()
        height = self.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        self.page.set_viewport_size({"width": WIDE["width"], "height": max(int(height), WIDE["height"])})
        # Vega draws anew at the new size.
        self.page.wait_for_timeout(700)
        made = folder / f"{name}.png"
        self.page.screenshot(path=made)
        self.page.set_viewport_size({"width": WIDE["width"], "height": WIDE["height"]})
        return made

    def unreadable(self) -> list[str]:
        """What axe finds that somebody could not read or reach: each with where."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {each['help']}: {node['html'][:160]}"
            for each in found
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]

    def text(self) -> str:
        """All that stands on the page, what is folded in included."""
        return re.sub(r"\s+", " ", self.page.locator("body").inner_text())
