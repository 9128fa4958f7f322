"""The warnings of a batch, counted by field and kind."""

from collections import Counter
from collections.abc import Iterable

import streamlit as st

from readmit.core.coverage import WarningKind, classify_warning
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.plain_table import show_table

SHOWN = 20
"""Rows of the table; the rarer warnings are in the download."""


def count_warnings(rows: Iterable[Iterable[str]]) -> Counter[tuple[str, WarningKind]]:
    """Return how many encounters have a warning of each field and kind. `rows`: the warnings of each encounter."""
    return Counter(classify_warning(warning) for warnings in rows for warning in warnings)


def show(t: Messages, rows: list[list[str]]) -> None:
    """Show how many encounters have a warning, and of which field and kind. `rows`: the warnings of each encounter."""
    counts = count_warnings(rows)
    if not counts:
        return
    st.subheader(t("batch.warnings_title"))
    affected = sum(1 for warnings in rows if warnings)
    st.caption(escape_markdown(t("batch.warnings_help", number=t.number(affected), total=t.number(len(rows)))))
    most = counts.most_common(SHOWN)
    show_table(
        {
            t("batch.warning_field"): [t.label(field) for (field, _), _ in most],
            t("batch.warning"): [t(f"batch.warning_{kind.name.lower()}") for (_, kind), _ in most],
            t("batch.encounters"): [t.number(number) for _, number in most],
        }
    )
