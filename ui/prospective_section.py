"""The headline of the model's page: the version in production on each batch, before anything was learned from it."""

from collections.abc import Sequence

import streamlit as st

from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.plain_table import show_table
from ui.prospective_views import EstimateView, ProspectiveView
from ui.schemas import VersionView

HEADLINE_FIGURES = {"roc_auc": 3, "observed_expected": 2}
"""The figures at the top, with their digits."""
FIGURES = {**HEADLINE_FIGURES, "calibration_slope": 2, "log_loss": 4}
SHARES = ("flagged", "precision", "recall")


def show_prospective(context: PageContext, production: VersionView | None) -> None:
    """Show the figures on the newest batch, and the table of all batches. `production`: the version there now."""
    t = context.t
    evaluations = context.try_request(context.api_client.prospective)
    if evaluations is None:
        return
    st.header(t("prospective.title"))
    if not evaluations.items:
        st.info(t("prospective.none"))
        return
    _newest(t, evaluations.items[0], production)
    st.caption(t("prospective.help"))
    with st.expander(t("prospective.by_batch")):
        _batches(t, evaluations.items)


def _newest(t: Messages, newest: ProspectiveView, production: VersionView | None) -> None:
    for column, (name, digits) in zip(st.columns(len(HEADLINE_FIGURES)), HEADLINE_FIGURES.items(), strict=True):
        estimate = newest.figures.get(name)
        value = t.number(None if estimate is None else estimate.value, digits)
        column.metric(escape_markdown(t.lookup("metric", name)), value)
        column.caption(escape_markdown(t("prospective.interval", interval=_interval(t, estimate, digits))))
    texts = {
        "target": t.lookup("target", newest.target),
        "trained": t("model.one_batch" if newest.trained_on == 1 else "model.batch_range", batch=newest.trained_on),
    }
    counts = {name: t.number(getattr(newest, name)) for name in ("encounters", "events", "batch")}
    st.write(escape_markdown(t("prospective.newest", version=newest.version, **counts, **texts)))
    if production is not None and production.version != newest.version:
        st.write(escape_markdown(t("prospective.not_yet", version=production.version)))


def _batches(t: Messages, items: Sequence[ProspectiveView]) -> None:
    columns: dict[str, Sequence[str]] = {
        t("prospective.batch"): [t.number(item.batch) for item in items],
        t("model.version"): [item.version for item in items],
        t("model.target"): [t.lookup("target", item.target) for item in items],
        t("prospective.encounters"): [t.number(item.encounters) for item in items],
        t("prospective.events"): [t.number(item.events) for item in items],
    }
    for name, digits in FIGURES.items():
        columns[t.lookup("metric", name)] = [_estimate(t, item.figures.get(name), digits) for item in items]
    for name in SHARES:
        columns[t.lookup("metric", name)] = [_share(t, item.figures.get(name)) for item in items]
    show_table(columns)


def _estimate(t: Messages, estimate: EstimateView | None, digits: int) -> str:
    value = t.number(None if estimate is None else estimate.value, digits)
    return f"{value} ({_interval(t, estimate, digits)})"


def _interval(t: Messages, estimate: EstimateView | None, digits: int) -> str:
    low, high = (None, None) if estimate is None else (estimate.low, estimate.high)
    return t("model.from_to", low=t.number(low, digits), high=t.number(high, digits))


def _share(t: Messages, estimate: EstimateView | None) -> str:
    value, low, high = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    return f"{t.percent(value)} ({t('model.from_to', low=t.percent(low), high=t.percent(high))})"
