"""The page of batch predictions: a file or a source batch is validated, sent in chunks and shown as a table."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from ui import batch_results, batch_rows
from ui.api_client import ApiUnavailable, RequestRejected
from ui.batch_results import BatchResults
from ui.batch_source import BatchSource
from ui.batch_upload import Progress, predict_table
from ui.encounter_table import LIMITS, MAX_MEGABYTES, MAX_ROWS, EncounterTable, InvalidEncounterTable, read
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext

RESULTS, UPLOAD, BATCH = "batch_results", "encounters_file", "source_batch"
MAX_NAMES_SHOWN = 12
SOURCES = ("file", "source")


@dataclass(frozen=True, slots=True)
class UploadedBatch:
    """The encounters to predict, and their display name."""

    name: str
    encounters: EncounterTable


def show(context: PageContext) -> None:
    """Show the page."""
    t = context.t
    st.title(t("batch.title"))
    st.write(t("batch.intro"))
    if context.batch_source is None:
        st.caption(t("batch.no_source"))
        _from_file(context)
    else:
        _from_file_or_source(context, context.batch_source)
    if (results := st.session_state.get(RESULTS)) is not None:
        batch_results.show(t, results)


def _from_file_or_source(context: PageContext, batch_source: BatchSource) -> None:
    t = context.t
    # One source at a time: users with a file do not wait for an unavailable data API.
    source = st.segmented_control(
        t("batch.source"),
        SOURCES,
        format_func=lambda name: t(f"batch.from_{name}"),
        default=SOURCES[0],
        key="batch_source",
        required=True,
        label_visibility="collapsed",
    )
    if source == SOURCES[0]:
        _from_file(context)
    else:
        _from_source(context, batch_source)


def _from_file(context: PageContext) -> None:
    t = context.t
    uploaded = st.file_uploader(
        t("batch.upload"),
        type=["csv", "tsv", "txt", "parquet", "zip", "xlsx"],
        key=UPLOAD,
        help=escape_markdown(t("batch.upload_help", max_rows=t.number(MAX_ROWS))),
        on_change=_clear_results,
    )
    if uploaded is None:
        return
    batch = _parse(t, uploaded.name, uploaded.getvalue)
    if batch is not None and st.button(
        escape_markdown(t("batch.predict", number=t.number(batch.encounters.table.num_rows))),
        type="primary",
        key="predict_file",
    ):
        _predict(context, batch)


def _from_source(context: PageContext, batch_source: BatchSource) -> None:
    t = context.t
    batches = context.try_request(batch_source.batches)
    if batches is None:
        return
    released = [batch.number for batch in batches if batch.released]
    rows = {batch.number: batch.rows for batch in batches}
    number = st.selectbox(
        t("batch.batch"),
        released,
        index=None,
        format_func=lambda batch: t("batch.batch_option", batch=batch, number=t.number(rows[batch])),
        key=BATCH,
        placeholder=t("batch.choose_batch"),
    )
    if number is not None and st.button(
        escape_markdown(t("batch.predict", number=t.number(rows[number]))), type="primary", key="predict_batch"
    ):
        content = context.try_request(lambda: batch_source.batch(number))
        batch = None if content is None else _parse(t, t("batch.batch_name", batch=number), lambda: content)
        if batch is not None:
            _predict(context, batch)


def _parse(t: Messages, name: str, content: Callable[[], bytes]) -> UploadedBatch | None:
    """Return the encounters of a file; show the error and return None when the file is invalid."""
    try:
        encounters = read(content())
    except InvalidEncounterTable as error:
        columns = ", ".join(t.label(column) for column in error.columns[:MAX_NAMES_SHOWN])
        limits = {
            "detail": t.translate(error.detail),
            "max_rows": t.number(MAX_ROWS),
            "megabytes": MAX_MEGABYTES,
            "max_columns": LIMITS.columns,
        }
        st.error(escape_markdown(t(f"batch.{error.reason}", columns=columns, **limits)), icon=":material/table_view:")
        return None
    if encounters.unknown_columns:
        columns = ", ".join(encounters.unknown_columns[:MAX_NAMES_SHOWN])
        st.info(escape_markdown(t("batch.unknown_columns", columns=columns)))
    if encounters.ragged_lines:
        lines = ", ".join(t.number(line) for line in encounters.ragged_lines[:MAX_NAMES_SHOWN])
        st.warning(escape_markdown(t("batch.ragged", number=t.number(len(encounters.ragged_lines)), lines=lines)))
    return UploadedBatch(name, encounters)


def _predict(context: PageContext, batch: UploadedBatch) -> None:
    t, table = context.t, batch.encounters.table
    bar = st.progress(0.0, text=t("batch.starting"))

    def report(progress: Progress) -> None:
        bar.progress(progress.fraction, text=escape_markdown(_progress_text(t, progress)))

    try:
        predictions = predict_table(context.api_client, table, report)
    except (ApiUnavailable, RequestRejected) as error:
        bar.empty()
        context.show_error(error)
        return
    bar.empty()
    model = context.try_request(context.api_client.model)
    if model is not None:
        batch_rows.reset_pages(batch_rows.PAGES)
        st.session_state[RESULTS] = BatchResults(batch.name, table, predictions, model.version, model.threshold)


def _progress_text(t: Messages, progress: Progress) -> str:
    return t(
        "batch.progress",
        done=t.number(progress.done),
        rows=t.number(progress.rows),
        speed=t.number(progress.rows_per_second),
        left=t.number(progress.seconds_left, 0),
    )


def _clear_results() -> None:
    """Discard the results of the previous file."""
    st.session_state.pop(RESULTS, None)
