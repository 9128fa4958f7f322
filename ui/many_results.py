"""What the API answered about many encounters: in numbers, as a picture, as a table, and the rows that failed."""

import io
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv
import streamlit as st

from readmit.core.applicability import NOT_APPLICABLE
from ui import charts, many_rows
from ui.speaking import Words


@dataclass(frozen=True, slots=True)
class Scored:
    """What was sent, and the answers in the same order: index, prediction, probability, error."""

    name: str
    table: pa.Table
    answers: pa.Table
    version: str
    threshold: float


def show(words: Words, scored: Scored) -> None:
    """All of it."""
    answers = scored.answers.to_pandas()
    good, ended = answers[answers["error"].isna()], answers[answers["error"] == NOT_APPLICABLE]
    failed = answers[answers["error"].notna() & (answers["error"] != NOT_APPLICABLE)]
    st.divider()
    st.header(words("many.results", name=scored.name))
    _counts(words, good, ended, failed)
    if len(good):
        st.altair_chart(charts.histogram(words, good["probability"].tolist(), scored.threshold), width="stretch")
        many_rows.show(words, scored.table, good)
    if len(ended):
        st.subheader(words("many.not_applicable_title"))
        st.caption(words("many.not_applicable_help"))
        many_rows.show_not_applicable(words, scored.table, ended)
    if len(failed):
        st.subheader(words("many.failed_title"))
        many_rows.show_failed(words, failed)
    st.download_button(
        words("many.download"),
        lambda: as_csv(scored),
        "predictions.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    st.caption(words("many.made_by", version=scored.version, threshold=words.percent(scored.threshold)))


def _counts(words: Words, good: pd.DataFrame, ended: pd.DataFrame, failed: pd.DataFrame) -> None:
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
    """What was sent, with the answer to each row beside it, in the words of the API: for a program to read on."""
    written = io.BytesIO()
    whole = scored.table
    for name in ("prediction", "probability", "error"):
        whole = whole.append_column(name, scored.answers[name])
    csv.write_csv(whole, written)
    return written.getvalue()
