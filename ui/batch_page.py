"""The page of many patients: a file or a batch of the source, checked, sent in pieces, and told as a table."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from ui import batch_results, batch_rows
from ui.api_client import ApiUnavailable, RequestRejected
from ui.batch_results import Scored
from ui.batch_upload import Progress, predicted
from ui.encounter_table import LIMITS, MOST_MEGABYTES, MOST_ROWS, Checked, InvalidEncounterTable, read
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext

SCORED, UPLOAD, BATCH = "scored", "encounters_file", "source_batch"
MOST_NAMED = 12
WAYS = ("file", "source")


@dataclass(frozen=True, slots=True)
class UploadedBatch:
    """What is to be predicted, and what it is called."""

    name: str
    checked: Checked


def show(room: PageContext) -> None:
    """The page."""
    words = room.words
    st.title(words("many.title"))
    st.write(words("many.intro"))
    # One at a time: a source that is switched off would be waited for by who has a file.
    way = st.segmented_control(
        words("many.way"),
        WAYS,
        format_func=lambda each: words(f"many.from_{each}"),
        default=WAYS[0],
        key="way",
        required=True,
        label_visibility="collapsed",
    )
    if way == WAYS[0]:
        _of_file(room)
    else:
        _of_source(room)
    if (scored := st.session_state.get(SCORED)) is not None:
        batch_results.show(words, scored)


def _of_file(room: PageContext) -> None:
    words = room.words
    uploaded = st.file_uploader(
        words("many.drop"),
        type=["csv", "parquet"],
        key=UPLOAD,
        help=escape_markdown(words("many.drop_help", most=words.number(MOST_ROWS))),
        on_change=_forget,
    )
    if uploaded is None:
        return
    brought = _checked(words, uploaded.name, uploaded.getvalue)
    if brought is not None and st.button(
        escape_markdown(words("many.ask", number=words.number(brought.checked.table.num_rows))),
        type="primary",
        key="ask_file",
    ):
        _predict(room, brought)


def _of_source(room: PageContext) -> None:
    words = room.words
    batches = room.try_request(room.api_client.source_batches)
    if batches is None:
        return
    released = [each.number for each in batches if each.released]
    rows = {each.number: each.rows for each in batches}
    number = st.selectbox(
        words("many.batch"),
        released,
        index=None,
        format_func=lambda each: words("many.batch_option", batch=each, number=words.number(rows[each])),
        key=BATCH,
        placeholder=words("many.choose_batch"),
    )
    if number is not None and st.button(
        escape_markdown(words("many.ask", number=words.number(rows[number]))), type="primary", key="ask_batch"
    ):
        content = room.try_request(lambda: room.api_client.source_batch(number))
        brought = None if content is None else _checked(words, words("many.batch_name", batch=number), lambda: content)
        if brought is not None:
            _predict(room, brought)


def _checked(words: Messages, name: str, content: Callable[[], bytes]) -> UploadedBatch | None:
    """What the file holds, once its columns are those of an encounter; else it stands on the page why not."""
    try:
        checked = read(content())
    except InvalidEncounterTable as error:
        named = ", ".join(words.label(each) for each in error.named[:MOST_NAMED])
        limits = {"most": words.number(MOST_ROWS), "megabytes": MOST_MEGABYTES, "most_columns": LIMITS.columns}
        st.error(escape_markdown(words(f"many.{error.why}", columns=named, **limits)), icon=":material/table_view:")
        return None
    if checked.dropped:
        st.info(escape_markdown(words("many.dropped", columns=", ".join(checked.dropped[:MOST_NAMED]))))
    if checked.torn:
        lines = ", ".join(words.number(each) for each in checked.torn[:MOST_NAMED])
        st.warning(escape_markdown(words("many.torn", number=words.number(len(checked.torn)), lines=lines)))
    return UploadedBatch(name, checked)


def _predict(room: PageContext, brought: UploadedBatch) -> None:
    words, table = room.words, brought.checked.table
    bar = st.progress(0.0, text=words("many.begins"))

    def tell(progress: Progress) -> None:
        bar.progress(progress.share, text=escape_markdown(_told(words, progress)))

    try:
        answers = predicted(room.api_client, table, tell)
    except (ApiUnavailable, RequestRejected) as error:
        bar.empty()
        room.show_error(error)
        return
    bar.empty()
    model = room.try_request(room.api_client.model)
    if model is not None:
        batch_rows.begin(batch_rows.PAGES)
        st.session_state[SCORED] = Scored(brought.name, table, answers, model.version, model.threshold)


def _told(words: Messages, progress: Progress) -> str:
    return words(
        "many.progress",
        done=words.number(progress.done),
        rows=words.number(progress.rows),
        speed=words.number(progress.rows_a_second),
        left=words.number(progress.seconds_left, 0),
    )


def _forget() -> None:
    """Another file: what was said of the last one goes."""
    st.session_state.pop(SCORED, None)
