"""The page of the model card of a version, which can be downloaded as Markdown."""

from collections.abc import Callable

import streamlit as st

from ui.card_view import CardItemView, CardSectionView, CardTableView, CardView
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.plain_table import show_table
from ui.version_choice import choose_version

SELECTED, VERDICT = "card_version", "verdict"


def show(context: PageContext) -> None:
    """Show the page."""
    t = context.t
    st.title(t("card.title"))
    versions = context.try_request(context.api_client.versions)
    if versions is None:
        return
    if not versions.items:
        st.info(t("model.none"))
        return
    number = choose_version(t, versions.items, SELECTED)
    card = context.try_request(lambda: context.api_client.card(number, t.language))
    if card is not None:
        _card(context, card)


def _card(context: PageContext, card: CardView) -> None:
    st.info(escape_markdown(card.note), icon=":material/info:")
    _download(context, card)
    first, *lists = card.sections
    for item in first.items:
        st.subheader(escape_markdown(item.title))
        _item(context.t, item)
    for section in lists:
        _list(context.t, section)


def _download(context: PageContext, card: CardView) -> None:
    markdown = context.try_request(lambda: context.api_client.card_as_markdown(card.version, card.language))
    if markdown is not None:
        st.download_button(
            context.t("card.download"),
            markdown,
            file_name=f"readmit-card-{card.version}.{card.language}.md",
            mime="text/markdown",
            icon=":material/download:",
        )


def _list(t: Messages, section: CardSectionView) -> None:
    """Show a list of items, which only opens on request: it repeats what is above in the order of the list."""
    st.header(escape_markdown(section.title))
    st.caption(escape_markdown(section.note))
    available = sum(item.available for item in section.items)
    with st.expander(
        escape_markdown(t("card.items", available=t.number(available), total=t.number(len(section.items))))
    ):
        for item in section.items:
            st.markdown(f"**{escape_markdown(item.id)}** {escape_markdown(item.title)}")
            _item(t, item)


def _item(t: Messages, item: CardItemView) -> None:
    """Show an item. The reasons of the verdict are messages of the API, in English in the card of every language."""
    translate = t.translate if item.id == VERDICT else str
    for sentence in item.text:
        (st.write if item.available else st.caption)(escape_markdown(translate(sentence)))
    if item.table is not None:
        _table(t, item.table, translate)


def _table(t: Messages, table: CardTableView, translate: Callable[[str], str]) -> None:
    """Show a table, in which the names of fields are replaced by their labels."""
    columns = {
        title: [t.label(translate(cell)) for cell in cells]
        for title, cells in zip(table.columns, zip(*table.rows, strict=True), strict=True)
    }
    show_table(columns)
