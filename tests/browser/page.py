"""The page as a user sees it: elements are found by their text, not by their markup."""

import re
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from readmit.containers.project import ROOT
from ui.i18n import Messages, load_messages
from ui.patient_layout import ANSWER

LOCALES = {"en": "en-US", "es": "es-PE"}
"""The locale of a browser by language. In both regions numbers have a decimal point."""
SCREENSHOTS = ROOT / "var/browser"
SERIOUS = ("serious", "critical")
WIDE = {"width": 1280, "height": 900}
TIMEOUT_MILLISECONDS = 30_000
RUNNING = "[data-test-script-state=running], [data-testid=stSkeleton], [data-stale=true]"
"""Elements on Streamlit's page while it runs; its visible indicator appears only later."""
WHOLE_HEIGHT = f"""() => {{
    const hidden = [...document.querySelectorAll(".st-key-{ANSWER}")]
        .map((answer) => answer.closest("[data-testid=stColumn]"))
        .map((column) => column.scrollHeight - column.clientHeight);
    return document.querySelector("[data-testid=stMain]").scrollHeight + Math.max(0, ...hidden);
}}"""
"""Returns the height of a window in which nothing needs to be scrolled, neither the page nor the answer on it."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user of the page in one language."""

    page: Page
    address: str
    t: Messages

    def open(self, name: str) -> None:
        """Open a page by its URL path and wait until it is complete."""
        self.page.goto(f"{self.address}/{'' if name == 'patient' else name}")
        self.page.get_by_role("heading", level=1).wait_for(timeout=TIMEOUT_MILLISECONDS)
        self.settle()

    def settle(self) -> None:
        """Wait until the page has stopped running."""
        self.page.wait_for_function(f"() => !document.querySelector('{RUNNING}')", timeout=TIMEOUT_MILLISECONDS)

    def press(self, key: str, **values: object) -> None:
        self.page.get_by_role("button", name=self.t(key, **values), exact=True).click()

    def choose(self, label: str, option: str, by: str = "") -> None:
        """Open a list, type a search text, and select an option."""
        # An open list closes when the page reruns.
        self.settle()
        box = self.page.get_by_role("combobox", name=label)
        box.click()
        box.press_sequentially(by)
        self.page.get_by_role("option", name=option, exact=True).click()
        self.settle()

    def expect_text(self, text: str) -> None:
        """Wait until a text is visible."""
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=TIMEOUT_MILLISECONDS)

    def expect_heading(self, key: str, **values: object) -> None:
        expect(self.page.get_by_role("heading", name=self.t(key, **values))).to_be_visible(timeout=TIMEOUT_MILLISECONDS)

    def switch_language(self, language: str) -> "Visitor":
        """Return the visitor after switching the language."""
        name = {"en": "English", "es": "Español"}[language]
        self.page.get_by_test_id("stSidebar").get_by_role("radio", name=name).click()
        visitor = Visitor(self.page, self.address, load_messages(language, LOCALES[language]))
        visitor.expect_text(visitor.t("sidebar.language"))
        visitor.settle()
        return visitor

    def screenshot(self, name: str, folder: Path = SCREENSHOTS) -> Path:
        """Save a screenshot of the whole page and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        self.settle()
        height = self.page.evaluate(WHOLE_HEIGHT)
        self.page.set_viewport_size({"width": WIDE["width"], "height": max(int(height), WIDE["height"])})
        # Vega redraws at the new size.
        self.page.wait_for_timeout(700)
        self.settle()
        path = folder / f"{name}.png"
        self.page.screenshot(path=path)
        self.page.set_viewport_size({"width": WIDE["width"], "height": WIDE["height"]})
        return path

    def accessibility_violations(self) -> list[str]:
        """Return the serious accessibility violations found by axe, each with its element."""
        violations = Axe().run(self.page).response["violations"]
        return [
            f"{violation['id']}: {violation['help']}: {node['html'][:160]}"
            for violation in violations
            if violation["impact"] in SERIOUS
            for node in violation["nodes"]
        ]

    def text(self) -> str:
        """Return the text of the page, including collapsed sections."""
        return re.sub(r"\s+", " ", self.page.locator("body").inner_text())
