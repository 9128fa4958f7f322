"""The Streamlit application, served by `ui/server.py`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from ui import (
    auth,
    batch_page,
    card_page,
    data_page,
    model_page,
    patient_layout,
    patient_page,
    sidebar,
    statistics_page,
    system_page,
)
from ui.page_context import PageContext, current_context

# The pages and their icons, by URL path. (Streamlit would show a docstring here on the page.)
PAGES: dict[str, tuple[Callable[[PageContext], None], str]] = {
    "patient": (patient_page.show, ":material/person:"),
    "many": (batch_page.show, ":material/groups:"),
    "statistics": (statistics_page.show, ":material/bar_chart:"),
    "model": (model_page.show, ":material/model_training:"),
    "card": (card_page.show, ":material/assignment:"),
    "data": (data_page.show, ":material/database:"),
    "system": (system_page.show, ":material/monitor_heart:"),
}
# A local file: the browser would fetch an icon given by name from another server.
ICON = Path(__file__).parent / "icon.png"
SIDEBAR_PIXELS = 240
# Streamlit writes white on these buttons, which the light blue of dark mode makes illegible.
DARK_BUTTON_STYLE = """<style>
@media (prefers-color-scheme: dark) {
  [data-testid="stBaseButton-primary"]:enabled { color: #0A0A0A; }
}
</style>"""
SET_LANGUAGE_SCRIPT = "<script>window.parent.document.documentElement.lang = {language!r};</script>"


def main() -> None:
    """Show the page of the current URL."""
    st.set_page_config(page_title="Readmit", page_icon=str(ICON), layout="wide", initial_sidebar_state=SIDEBAR_PIXELS)
    context = current_context()
    if not auth.is_open(context.t):
        return
    pages = [
        st.Page(
            partial(show, context),
            title=context.t(f"pages.{name}"),
            icon=icon,
            url_path=name,
            default=name == "patient",
        )
        for name, (show, icon) in PAGES.items()
    ]
    page = st.navigation(pages)
    # Screen readers pronounce a document in the language that it declares.
    st.html(SET_LANGUAGE_SCRIPT.format(language=context.t.language), unsafe_allow_javascript=True)
    st.html(DARK_BUTTON_STYLE + patient_layout.STYLE)
    sidebar.show(context)
    page.run()
    st.divider()
    st.caption(context.t("page.disclaimer"))


main()
