"""The rows of many answers: those that are asked for, in the order that is asked for, a page of them at a time."""

from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import streamlit as st

from readmit.core.encounter import BY_NAME, COUNTED_BY, DISPOSITION, ENCOUNTER, NOT_RECORDED
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.plain_table import show_table
from ui.prediction_result import value_in_words

ON_A_PAGE = 20
ALL, YES, NO = "all", "yes", "no"
ROW, RISK = "row", "risk"
UP, DOWN = "up", "down"
BESIDE = (ENCOUNTER, *COUNTED_BY)
"""The fields that an encounter is known by, beside its answer."""
PAGE, FAILED_PAGE, ENDED_PAGE = PAGES = "rows.page", "rows.failed_page", "rows.not_applicable_page"


@st.fragment
def show(words: Messages, encounters: pa.Table, answers: pd.DataFrame) -> None:
    """The answers, `index` being the row of the encounter; made anew by itself when another page is wanted."""
    filters, order = st.columns([1, 2], vertical_alignment="bottom"), st.columns([1, 2], vertical_alignment="bottom")
    with filters[0]:
        kept = _one_of(words, "show", (ALL, YES, NO))
    with filters[1]:
        least, most = st.slider(
            words("many.risk_between"), 0, 100, (0, 100), format="%d %%", key="risk_between", on_change=begin
        )
    beside = [name for name in BESIDE if name in encounters.column_names]
    with order[0]:
        by = st.selectbox(
            words("many.sort"),
            [RISK, ROW, *beside],
            format_func=lambda each: _title(words, each),
            key="sort",
            on_change=begin,
        )
    with order[1]:
        way = _one_of(words, "order", (DOWN, UP))
    wanted = _wanted(answers, kept, least / 100, most / 100)
    ordered = wanted.iloc[places(encounters, wanted, by, rising=way == UP)]
    st.caption(escape_markdown(words("many.shown", number=words.number(len(ordered)), of=words.number(len(answers)))))
    _page_of(len(ordered), PAGE, lambda place: _told(words, encounters, ordered.iloc[place], beside))


@st.fragment
def show_failed(words: Messages, failed: pd.DataFrame) -> None:
    """The rows that have no answer, and why."""

    def told(place: slice) -> dict[str, list[str]]:
        shown = failed.iloc[place]
        return {
            words("many.row"): [words.number(index + 1) for index in shown["index"]],
            words("many.why"): [words.said(error) for error in shown["error"]],
        }

    _page_of(len(failed), FAILED_PAGE, told)


@st.fragment
def show_not_applicable(words: Messages, encounters: pa.Table, ended: pd.DataFrame) -> None:
    """Show the rows of stays that ended in death or hospice: each by its encounter, and how it ended."""
    beside = [name for name in (ENCOUNTER, DISPOSITION) if name in encounters.column_names]

    def cells(place: slice) -> dict[str, list[str]]:
        shown = ended.iloc[place]
        return {words("many.row"): [words.number(index + 1) for index in shown["index"]]} | {
            words.label(name): [value_in_words(words, name, each) for each in _values(encounters, shown, name)]
            for name in beside
        }

    _page_of(len(ended), ENDED_PAGE, cells)


def begin(pages: tuple[str, ...] = (PAGE,)) -> None:
    """Other rows, or in another order: from the first page on."""
    for key in pages:
        # Set, not forgotten: only then does the browser turn back, too.
        st.session_state[key] = 1


def _one_of(words: Messages, name: str, ways: tuple[str, ...]) -> str:
    chosen: str = st.segmented_control(
        words(f"many.{name}"),
        ways,
        format_func=lambda each: words(f"many.{name}_{each}"),
        default=ways[0],
        key=name,
        required=True,
        on_change=begin,
    )
    return chosen


def _title(words: Messages, column: str) -> str:
    return {ROW: words("many.row"), RISK: words("risk.risk")}.get(column) or words.label(column)


def _wanted(answers: pd.DataFrame, kept: str, least: float, most: float) -> pd.DataFrame:
    wanted = answers["probability"].between(least, most)
    if kept != ALL:
        wanted &= answers["prediction"] == int(kept == YES)
    return answers[wanted]


def places(encounters: pa.Table, wanted: pd.DataFrame, by: str, *, rising: bool) -> pd.Index:
    """Where the rows stand that come first, second, ...; those equal as in the file, what is not recorded last."""
    if by == RISK:
        rank = wanted["probability"]
    elif by == ROW:
        rank = wanted["index"]
    else:
        rank = _rank(by, pd.Series(_values(encounters, wanted, by), dtype=object))
    ordered: pd.Index = rank.reset_index(drop=True).sort_values(ascending=rising, kind="stable").index
    return ordered


def _rank(name: str, values: pd.Series) -> pd.Series:
    """Choices in their own order, numbers by size, codes as they are written."""
    field = BY_NAME[name]
    if field.choices:
        return values.astype(str).map({choice: place for place, choice in enumerate(field.choices)})
    if field.whole_number:
        return pd.to_numeric(values, errors="coerce")
    return values


def _values(encounters: pa.Table, rows: pd.DataFrame, name: str) -> list[str | int | None]:
    """A column at some rows; None: not recorded."""
    found = encounters[name].take(pa.array(rows["index"].to_numpy())).to_pylist()
    return [None if value == NOT_RECORDED else value for value in found]


def _told(words: Messages, encounters: pa.Table, rows: pd.DataFrame, beside: list[str]) -> dict[str, list[str]]:
    """Some rows in words, by the title of their column."""
    said = {
        words("many.row"): [words.number(index + 1) for index in rows["index"]],
        words("many.answer"): [words("many.yes" if each else "many.no") for each in rows["prediction"]],
        words("risk.risk"): [words.percent(each) for each in rows["probability"]],
    }
    for name in beside:
        said[words.label(name)] = [value_in_words(words, name, each) for each in _values(encounters, rows, name)]
    return said


def _page_of(rows: int, key: str, told: Callable[[slice], dict[str, list[str]]]) -> None:
    """A page of a table that has so many rows, and where to turn it. `told`: some of its rows, by their place."""
    if not rows:
        return
    pages = -(-rows // ON_A_PAGE)
    page = min(st.session_state.get(key, 1), pages)
    show_table(told(slice((page - 1) * ON_A_PAGE, page * ON_A_PAGE)))
    if pages > 1:
        st.pagination(pages, key=key)
