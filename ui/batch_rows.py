"""The table rows of a batch: filtered, sorted and paginated."""

from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import streamlit as st

from readmit.core.encounter import BY_NAME, COUNTED_BY, DISPOSITION, ENCOUNTER, NOT_RECORDED
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.plain_table import show_table
from ui.prediction_result import format_value

PAGE_SIZE = 20
ALL, YES, NO = "all", "yes", "no"
ROW, RISK = "row", "risk"
ASCENDING, DESCENDING = "ascending", "descending"
DESCRIPTIVE_FIELDS = (ENCOUNTER, *COUNTED_BY)
"""The fields shown beside a prediction."""
PAGE, FAILED_PAGE, NOT_APPLICABLE_PAGE = PAGES = "rows.page", "rows.failed_page", "rows.not_applicable_page"


@st.fragment
def show(t: Messages, encounters: pa.Table, predictions: pd.DataFrame) -> None:
    """Show the predictions with their filters, in a fragment that reruns by itself.

    `predictions`: its column `index` is the row number in `encounters`.
    """
    filters, order = st.columns([1, 2], vertical_alignment="bottom"), st.columns([1, 2], vertical_alignment="bottom")
    with filters[0]:
        shown = _segmented_control(t, "show", (ALL, YES, NO))
    with filters[1]:
        low, high = st.slider(
            t("batch.risk_between"), 0, 100, (0, 100), format="%d %%", key="risk_between", on_change=reset_pages
        )
    fields = [name for name in DESCRIPTIVE_FIELDS if name in encounters.column_names]
    with order[0]:
        by = st.selectbox(
            t("batch.sort"),
            [RISK, ROW, *fields],
            format_func=lambda column: _column_title(t, column),
            key="sort",
            on_change=reset_pages,
        )
    with order[1]:
        direction = _segmented_control(t, "order", (DESCENDING, ASCENDING))
    rows = _filter(predictions, shown, low / 100, high / 100)
    rows = rows.iloc[sorted_positions(encounters, rows, by, ascending=direction == ASCENDING)]
    st.caption(escape_markdown(t("batch.shown", number=t.number(len(rows)), total=t.number(len(predictions)))))
    _show_page(len(rows), PAGE, lambda page: _cells(t, encounters, rows.iloc[page], fields))


@st.fragment
def show_failed(t: Messages, failed: pd.DataFrame) -> None:
    """Show the rows without a prediction, and their errors."""

    def cells(page: slice) -> dict[str, list[str]]:
        rows = failed.iloc[page]
        return {
            t("batch.row"): [t.number(index + 1) for index in rows["index"]],
            t("batch.error"): [t.translate(error) for error in rows["error"]],
        }

    _show_page(len(failed), FAILED_PAGE, cells)


@st.fragment
def show_not_applicable(t: Messages, encounters: pa.Table, not_applicable: pd.DataFrame) -> None:
    """Show the stays that ended in death or hospice, with encounter number and discharge disposition."""
    fields = [name for name in (ENCOUNTER, DISPOSITION) if name in encounters.column_names]

    def cells(page: slice) -> dict[str, list[str]]:
        rows = not_applicable.iloc[page]
        return {t("batch.row"): [t.number(index + 1) for index in rows["index"]]} | {
            t.label(name): [format_value(t, name, value) for value in _values(encounters, rows, name)]
            for name in fields
        }

    _show_page(len(not_applicable), NOT_APPLICABLE_PAGE, cells)


def reset_pages(pages: tuple[str, ...] = (PAGE,)) -> None:
    """Return the tables to their first page."""
    for key in pages:
        # Assigned rather than deleted: only an assignment reaches the browser.
        st.session_state[key] = 1


def _segmented_control(t: Messages, name: str, options: tuple[str, ...]) -> str:
    selected: str = st.segmented_control(
        t(f"batch.{name}"),
        options,
        format_func=lambda option: t(f"batch.{name}_{option}"),
        default=options[0],
        key=name,
        required=True,
        on_change=reset_pages,
    )
    return selected


def _column_title(t: Messages, column: str) -> str:
    return {ROW: t("batch.row"), RISK: t("risk.risk")}.get(column) or t.label(column)


def _filter(predictions: pd.DataFrame, shown: str, low: float, high: float) -> pd.DataFrame:
    selected = predictions["probability"].between(low, high)
    if shown != ALL:
        selected &= predictions["prediction"] == int(shown == YES)
    return predictions[selected]


def sorted_positions(encounters: pa.Table, rows: pd.DataFrame, by: str, *, ascending: bool) -> pd.Index:
    """Return the positions that sort the rows: ties in file order, values that are not recorded last."""
    if by == RISK:
        keys = rows["probability"]
    elif by == ROW:
        keys = rows["index"]
    else:
        keys = _sort_keys(by, pd.Series(_values(encounters, rows, by), dtype=object))
    positions: pd.Index = keys.reset_index(drop=True).sort_values(ascending=ascending, kind="stable").index
    return positions


def _sort_keys(name: str, values: pd.Series) -> pd.Series:
    """Return sort keys: choices in their defined order, whole numbers by value, codes as text."""
    field = BY_NAME[name]
    if field.choices:
        return values.astype(str).map({choice: position for position, choice in enumerate(field.choices)})
    if field.whole_number:
        return pd.to_numeric(values, errors="coerce")
    return values


def _values(encounters: pa.Table, rows: pd.DataFrame, name: str) -> list[str | int | None]:
    """Return one column at the given rows; None: not recorded."""
    values = encounters[name].take(pa.array(rows["index"].to_numpy())).to_pylist()
    return [None if value == NOT_RECORDED else value for value in values]


def _cells(t: Messages, encounters: pa.Table, rows: pd.DataFrame, fields: list[str]) -> dict[str, list[str]]:
    """Return the formatted cells of the rows, by column title."""
    cells = {
        t("batch.row"): [t.number(index + 1) for index in rows["index"]],
        t("batch.flagged"): [t("batch.yes" if flagged else "batch.no") for flagged in rows["prediction"]],
        t("risk.risk"): [t.percent(probability) for probability in rows["probability"]],
    }
    for name in fields:
        cells[t.label(name)] = [format_value(t, name, value) for value in _values(encounters, rows, name)]
    return cells


def _show_page(rows: int, key: str, cells: Callable[[slice], dict[str, list[str]]]) -> None:
    """Show the current page of a table, with page buttons. `cells`: returns a slice of its rows, formatted."""
    if not rows:
        return
    pages = -(-rows // PAGE_SIZE)
    page = min(st.session_state.get(key, 1), pages)
    show_table(cells(slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)))
    if pages > 1:
        st.pagination(pages, key=key)
