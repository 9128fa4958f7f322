"""What the API answered about many encounters: in numbers, as a picture, as a table, and the rows that failed."""

import io
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from readmit.core.encounter import BY_NAME, ENCOUNTER, FEATURES, NOT_RECORDED
from ui import charts
from ui.speaking import Words

ALL, YES, NO = "all", "yes", "no"
ROW, ANSWER, RISK = "row", "answer", "risk"
FIRST_COLUMNS = 8


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
    good, failed = answers[answers["error"].isna()], answers[answers["error"].notna()]
    st.divider()
    st.header(words("many.results", name=scored.name))
    _counts(words, good, failed)
    if len(good):
        st.altair_chart(charts.histogram(words, good["probability"].tolist(), scored.threshold), width="stretch")
        _table(words, scored, good)
    if len(failed):
        _failed(words, failed)
    st.download_button(
        words("many.download"),
        lambda: as_csv(scored),
        "predictions.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    st.caption(words("many.made_by", version=scored.version, threshold=words.percent(scored.threshold)))


def _counts(words: Words, good: pd.DataFrame, failed: pd.DataFrame) -> None:
    flagged = int(good["prediction"].sum())
    told = {
        "answered": words.number(len(good)),
        "flagged": words.number(flagged),
        "mean": words.percent(None if good.empty else float(good["probability"].mean())),
        "failed": words.number(len(failed)),
    }
    for column, (name, value) in zip(st.columns(len(told)), told.items(), strict=True):
        column.metric(words(f"many.{name}"), value)


def _table(words: Words, scored: Scored, good: pd.DataFrame) -> None:
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    kept = left.segmented_control(
        words("many.show"),
        [ALL, YES, NO],
        format_func=lambda each: words(f"many.show_{each}"),
        default=ALL,
        key="shown",
        required=True,
    )
    least, most = right.slider(words("many.risk_between"), 0, 100, (0, 100), format="%d %%", key="risk_between")
    risk = good["probability"] * 100
    wanted = (risk >= least) & (risk <= most)
    if kept != ALL:
        wanted &= good["prediction"] == int(kept == YES)
    chosen = good[wanted]
    st.caption(words("many.shown", number=words.number(len(chosen)), of=words.number(len(good))))
    st.dataframe(
        _frame(words, scored, chosen), column_config=_columns(words), hide_index=True, width="stretch", height=420
    )


def _frame(words: Words, scored: Scored, chosen: pd.DataFrame) -> pd.DataFrame:
    """The answers, and beside them the first fields of the encounters that they are about."""
    named = [ENCOUNTER, *FEATURES]
    beside = [name for name in named if name in scored.table.column_names][:FIRST_COLUMNS]
    rows = scored.table.select(beside).take(pa.array(chosen["index"].to_numpy())).to_pandas()
    frame = pd.DataFrame(
        {
            ROW: chosen["index"].to_numpy() + 1,
            ANSWER: [words("answer.yes") if each else words("answer.no") for each in chosen["prediction"]],
            RISK: (chosen["probability"] * 100).to_numpy(),
        }
    )
    for name in beside:
        frame[name] = _in_words(words, name, rows[name])
    return frame


def _in_words(words: Words, name: str, values: pd.Series) -> pd.Series:
    """A field's values as they are said; each is said once, for there are few."""
    if not BY_NAME[name].choices:
        return values
    said = {value: words.choice(name, value) for value in values.unique() if value is not None}
    return values.map({**said, NOT_RECORDED: words("choice.not_recorded")}, na_action="ignore")


def _columns(words: Words) -> dict[str, ColumnConfig]:
    return {
        ROW: st.column_config.NumberColumn(words("many.row"), pinned=True),
        ANSWER: st.column_config.TextColumn(words("many.answer")),
        RISK: st.column_config.ProgressColumn(words("risk.risk"), format="%.1f %%", min_value=0, max_value=100),
        **{name: st.column_config.Column(words.label(name)) for name in (ENCOUNTER, *FEATURES)},
    }


def _failed(words: Words, failed: pd.DataFrame) -> None:
    st.subheader(words("many.failed_title"))
    said = {error: words.said(error) for error in failed["error"].unique()}
    frame = pd.DataFrame({ROW: failed["index"].to_numpy() + 1, "why": failed["error"].map(said).to_numpy()})
    st.dataframe(
        frame,
        column_config={
            ROW: st.column_config.NumberColumn(words("many.row"), width="small"),
            "why": st.column_config.TextColumn(words("many.why"), width="large"),
        },
        hide_index=True,
        width="stretch",
    )


def as_csv(scored: Scored) -> bytes:
    """What was sent, with the answer to each row beside it, in the words of the API: for a program to read on."""
    written = io.BytesIO()
    whole = scored.table
    for name in ("prediction", "probability", "error"):
        whole = whole.append_column(name, scored.answers[name])
    csv.write_csv(whole, written)
    return written.getvalue()
