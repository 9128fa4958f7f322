"""The page of the data: what came in each batch, what became of it, and what was left out and why."""

import streamlit as st

from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.plain_table import show_table
from ui.schemas import BatchView

CHOSEN = "data.batch"


def show(room: PageContext) -> None:
    """The page."""
    words = room.words
    st.title(words("data.title"))
    st.write(words("data.intro"))
    batches = room.try_request(room.api_client.batches)
    if batches is None:
        return
    if not batches.items:
        st.info(words("data.none"))
        return
    _totals(words, batches.items)
    _batches(words, batches.items)
    st.caption(words("data.excluded_help"))
    st.header(words("data.quarantine"))
    _quarantine(room, [each.batch for each in batches.items if each.quarantined])


def _totals(words: Messages, batches: tuple[BatchView, ...]) -> None:
    for column, name in zip(st.columns(4), ("rows", "clean", "quarantined", "excluded"), strict=True):
        column.metric(words(f"data.{name}"), words.number(sum(getattr(each, name) or 0 for each in batches)))


def _batches(words: Messages, batches: tuple[BatchView, ...]) -> None:
    show_table(
        {
            words("data.batch"): [words("data.batch_number", batch=each.batch) for each in batches],
            words("data.state"): [words.of("batch_state", each.state) for each in batches],
            **{
                words(f"data.{name}"): [words.number(getattr(each, name)) for each in batches]
                for name in ("rows", "clean", "quarantined", "excluded")
            },
            words("data.done_at"): [words.moment(each.done_at) for each in batches],
            words("model.version"): [each.version or "" for each in batches],
        },
    )


def _quarantine(room: PageContext, batches: list[int]) -> None:
    words = room.words
    if not batches:
        st.success(words("data.nothing_quarantined"), icon=":material/task_alt:")
        return
    batch = st.selectbox(
        words("data.batch"), batches, format_func=lambda each: words("data.batch_number", batch=each), key=CHOSEN
    )
    told = room.try_request(lambda: room.api_client.quarantine(batch))
    if told is None:
        return
    show_table(
        {
            words("data.field"): [words.label(each.field) for each in told.items],
            words("data.reason"): [words.said(each.reason) for each in told.items],
            words("data.encounters"): [words.number(each.encounters) for each in told.items],
            words("data.first"): [words.number(each.first) for each in told.items],
        },
    )
    if told.pages > 1:
        shown, total = words.number(len(told.items)), words.number(told.total)
        st.caption(escape_markdown(words("data.first_of", shown=shown, total=total)))
