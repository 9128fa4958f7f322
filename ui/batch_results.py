"""The results of a batch: counts, histogram, table of predictions, rows without one, and the CSV download."""

import io
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import streamlit as st

from readmit.core.applicability import NOT_APPLICABLE
from readmit.core.spreadsheet import escape_formula
from ui import batch_rows, batch_warnings, charts
from ui.escaping import escape_markdown
from ui.i18n import Messages


@dataclass(frozen=True, slots=True)
class BatchResults:
    """The encounters sent, and in the same order their predictions.

    `predictions`: index, prediction, probability, error and the list of warnings.
    """

    name: str
    table: pa.Table
    predictions: pa.Table
    version: str
    threshold: float


def show(t: Messages, results: BatchResults) -> None:
    """Show the results."""
    predictions = results.predictions.to_pandas()
    scored = predictions[predictions["error"].isna()]
    not_applicable = predictions[predictions["error"] == NOT_APPLICABLE]
    failed = predictions[predictions["error"].notna() & (predictions["error"] != NOT_APPLICABLE)]
    st.divider()
    st.header(escape_markdown(t("batch.results", name=results.name)))
    _counts(t, scored, not_applicable, failed)
    if len(scored):
        st.altair_chart(charts.histogram(t, scored["probability"].tolist(), results.threshold), width="stretch")
        batch_rows.show(t, results.table, scored)
        batch_warnings.show(t, [list(warnings) for warnings in scored["warnings"]])
    if len(not_applicable):
        st.subheader(t("batch.not_applicable_title"))
        st.caption(t("batch.not_applicable_help"))
        batch_rows.show_not_applicable(t, results.table, not_applicable)
    if len(failed):
        st.subheader(t("batch.failed_title"))
        batch_rows.show_failed(t, failed)
    st.download_button(
        t("batch.download"),
        lambda: as_csv(results),
        "predictions.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    model = t("batch.model", version=results.version, threshold=t.percent(results.threshold))
    st.caption(escape_markdown(model))


def _counts(t: Messages, scored: pd.DataFrame, not_applicable: pd.DataFrame, failed: pd.DataFrame) -> None:
    flagged = int(scored["prediction"].sum())
    metrics = {
        "predicted": t.number(len(scored)),
        "flagged": t.number(flagged),
        "mean": t.percent(None if scored.empty else float(scored["probability"].mean())),
        "not_applicable": t.number(len(not_applicable)),
        "failed": t.number(len(failed)),
    }
    for column, (name, value) in zip(st.columns(len(metrics)), metrics.items(), strict=True):
        column.metric(t(f"batch.{name}"), value)


def as_csv(results: BatchResults) -> bytes:
    """Return the encounters with their predictions as CSV that is safe to open in a spreadsheet."""
    buffer = io.BytesIO()
    table = results.table
    for name in ("prediction", "probability", "error"):
        table = table.append_column(name, results.predictions[name])
    table = table.append_column("warnings", pc.binary_join(results.predictions["warnings"], " "))
    csv.write_csv(_without_formulas(table), buffer)
    return buffer.getvalue()


def _without_formulas(table: pa.Table) -> pa.Table:
    """Return the table with all column names and text cells escaped; numeric columns stay unchanged."""
    names = [escape_formula(name) for name in table.column_names]
    return pa.table([_without_formula(column) for column in table.columns], names=names)


def _without_formula(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    text_types = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if not any(is_text(column.type) for is_text in text_types):
        return column
    # Escape each distinct text once: a column has few of them, and a table hundreds of thousands of cells.
    escaped = {text: None if text is None else escape_formula(text) for text in column.unique().to_pylist()}
    return pa.chunked_array([pa.array([escaped[text] for text in column.to_pylist()], column.type)])
