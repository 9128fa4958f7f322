"""Tables of plain text: `st.table` interprets titles and cells as Markdown."""

from collections.abc import Mapping, Sequence

import streamlit as st

from ui.escaping import escape_markdown


def show_table(columns: Mapping[str, Sequence[str]]) -> None:
    """Show columns of text by title, without interpreting the text."""
    escaped = {escape_markdown(title): [escape_markdown(cell) for cell in cells] for title, cells in columns.items()}
    st.table(escaped, hide_index=True, border="horizontal")
