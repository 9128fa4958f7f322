"""The page of data: the batches, their row counts, and the reasons for quarantine."""

import streamlit as st

from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.plain_table import show_table
from ui.schemas import BatchView

SELECTED = "data.batch"
COUNTS = ("rows", "clean", "quarantined", "excluded")


def show(context: PageContext) -> None:
    """Show the page."""
    t = context.t
    st.title(t("data.title"))
    st.write(t("data.intro"))
    batches = context.try_request(context.api_client.batches)
    if batches is None:
        return
    if not batches.items:
        st.info(t("data.none"))
        return
    _totals(t, batches.items)
    _batches(t, batches.items)
    st.caption(t("data.excluded_help"))
    st.header(t("data.quarantine"))
    _quarantine(context, [batch.batch for batch in batches.items if batch.quarantined])


def _totals(t: Messages, batches: tuple[BatchView, ...]) -> None:
    for column, name in zip(st.columns(len(COUNTS)), COUNTS, strict=True):
        column.metric(t(f"data.{name}"), t.number(sum(getattr(batch, name) or 0 for batch in batches)))


def _batches(t: Messages, batches: tuple[BatchView, ...]) -> None:
    show_table(
        {
            t("data.batch"): [t("data.batch_number", batch=batch.batch) for batch in batches],
            t("data.state"): [t.lookup("batch_state", batch.state) for batch in batches],
            **{t(f"data.{name}"): [t.number(getattr(batch, name)) for batch in batches] for name in COUNTS},
            t("data.done_at"): [t.moment(batch.done_at) for batch in batches],
            t("model.version"): [batch.version or "" for batch in batches],
        },
    )


def _quarantine(context: PageContext, batches: list[int]) -> None:
    t = context.t
    if not batches:
        st.success(t("data.nothing_quarantined"), icon=":material/task_alt:")
        return
    batch = st.selectbox(
        t("data.batch"), batches, format_func=lambda number: t("data.batch_number", batch=number), key=SELECTED
    )
    reasons = context.try_request(lambda: context.api_client.quarantine(batch))
    if reasons is None:
        return
    show_table(
        {
            t("data.field"): [t.label(reason.field) for reason in reasons.items],
            t("data.reason"): [t.translate(reason.reason) for reason in reasons.items],
            t("data.encounters"): [t.number(reason.encounters) for reason in reasons.items],
            t("data.first_row"): [t.number(reason.first) for reason in reasons.items],
        },
    )
    if reasons.pages > 1:
        shown, total = t.number(len(reasons.items)), t.number(reasons.total)
        st.caption(escape_markdown(t("data.shown", shown=shown, total=total)))
