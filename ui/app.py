"""The page for people, which `ui/server.py` serves."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from ui import auth, batch_page, data_page, model_page, patient_page, sidebar, statistics_page, system_page
from ui.page_context import PageContext, enter

PAGES: dict[str, tuple[Callable[[PageContext], None], str]] = {
    "patient": (patient_page.show, ":material/person:"),
    "many": (batch_page.show, ":material/groups:"),
    "statistics": (statistics_page.show, ":material/bar_chart:"),
    "model": (model_page.show, ":material/model_training:"),
    "data": (data_page.show, ":material/database:"),
    "system": (system_page.show, ":material/monitor_heart:"),
}
# A file of ours: an icon by its name would be fetched from elsewhere.
ICON = Path(__file__).parent / "icon.png"
SAY_THE_LANGUAGE = "<script>window.parent.document.documentElement.lang = {language!r};</script>"


def main() -> None:
    st.set_page_config(page_title="Readmit", page_icon=str(ICON), layout="wide")
    room = enter()
    if not auth.is_open(room.words):
        return
    pages = [
        st.Page(
            partial(show, room), title=room.words(f"pages.{name}"), icon=icon, url_path=name, default=name == "patient"
        )
        for name, (show, icon) in PAGES.items()
    ]
    chosen = st.navigation(pages)
    # A screen reader reads by the rules of the language that the document says it is in.
    st.html(SAY_THE_LANGUAGE.format(language=room.words.language), unsafe_allow_javascript=True)
    sidebar.show(room)
    chosen.run()
    st.divider()
    st.caption(room.words("page.disclaimer"))


main()
