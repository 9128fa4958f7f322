"""What the API answered about many encounters: in numbers, as a picture, as a table, and the rows that failed."""

import io
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv
import streamlit as st

from readmit.core.applicability import NOT_APPLICABLE
from readmit.core.spreadsheet import escape_formula
from ui import batch_rows, charts
from ui.escaping import escape_markdown
from ui.i18n import Messages


@dataclass(frozen=True, slots=True)
class Scored:
    """What was sent, and the answers in the same order: index, prediction, probability, error."""

    name: str
    table: pa.Table
    answers: pa.Table
    version: str
    threshold: float


def show(words: Messages, scored: Scored) -> None:
    """All of it."""
    answers = scored.answers.to_pandas()
    good, ended = answers[answers["error"].isna()], answers[answers["error"] == NOT_APPLICABLE]
    failed = answers[answers["error"].notna() & (answers["error"] != NOT_APPLICABLE)]
    st.divider()
    st.header(escape_markdown(words("many.results", name=scored.name)))
    _counts(words, good, ended, failed)
    if len(good):
        st.altair_chart(charts.histogram(words, good["probability"].tolist(), scored.threshold), width="stretch")
        batch_rows.show(words, scored.table, good)
    if len(ended):
        st.subheader(words("many.not_applicable_title"))
        st.caption(words("many.not_applicable_help"))
        batch_rows.show_not_applicable(words, scored.table, ended)
    if len(failed):
        st.subheader(words("many.failed_title"))
        batch_rows.show_failed(words, failed)
    st.download_button(
        words("many.download"),
        lambda: as_csv(scored),
        "predictions.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    made_by = words("many.made_by", version=scored.version, threshold=words.percent(scored.threshold))
    st.caption(escape_markdown(made_by))


def _counts(words: Messages, good: pd.DataFrame, ended: pd.DataFrame, failed: pd.DataFrame) -> None:
    flagged = int(good["prediction"].sum())
    told = {
        "answered": words.number(len(good)),
        "flagged": words.number(flagged),
        "mean": words.percent(None if good.empty else float(good["probability"].mean())),
        "not_applicable": words.number(len(ended)),
        "failed": words.number(len(failed)),
    }
    for column, (name, value) in zip(st.columns(len(told)), told.items(), strict=True):
        column.metric(words(f"many.{name}"), value)


def as_csv(scored: Scored) -> bytes:
    """Return what was sent with the answer to each row beside it, safe to open in a spreadsheet."""
    written = io.BytesIO()
    whole = scored.table
    for name in ("prediction", "probability", "error"):
        whole = whole.append_column(name, scored.answers[name])
    csv.write_csv(_without_formulas(whole), written)
    return written.getvalue()


def _without_formulas(table: pa.Table) -> pa.Table:
    """Return the table with every text and title escaped; columns of numbers stay as they are."""
    names = [escape_formula(name) for name in table.column_names]
    return pa.table([_without_formula(column) for column in table.columns], names=names)


def _without_formula(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not any(holds(column.type) for holds in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)):
        return column
    # A column holds few distinct texts, and a table hundreds of thousands of cells.
    known = {text: None if text is None else escape_formula(text) for text in column.unique().to_pylist()}
    return pa.chunked_array([pa.array([known[text] for text in column.to_pylist()], column.type)])
