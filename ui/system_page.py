"""The page of the system: the services, the latest days, and the operator actions."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from ui.api_client import ApiUnavailable, RequestRejected
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.plain_table import show_table
from ui.schemas import DayView, ServiceView

T = TypeVar("T")
PAGES = ("prefect", "airflow", "grafana", "mlflow", "prometheus", "ec2-api", "api")
"""The services with a web page, in the order of their links."""
DAYS = 10
CONFIRMATION = "confirmation"


def show(context: PageContext) -> None:
    """Show the page."""
    t = context.t
    st.title(t("system.title"))
    services = context.try_request(context.api_client.services)
    if services is not None:
        _links(t, services.items)
        _services(t, services.items)
    st.header(t("system.days"))
    days = context.try_request(lambda: context.api_client.days(DAYS))
    if days is not None:
        _days(t, days.items)
    st.header(t("system.operate"))
    _operate(context)


def _links(t: Messages, services: tuple[ServiceView, ...]) -> None:
    linked = {service.name: service for service in services if service.page is not None and service.state == "up"}
    ordered = [linked[name] for name in PAGES if name in linked]
    if not ordered:
        return
    for column, service in zip(st.columns(len(ordered)), ordered, strict=True):
        column.link_button(
            escape_markdown(t.lookup("service", service.name)),
            str(service.page),
            icon=":material/open_in_new:",
            width="stretch",
        )


def _services(t: Messages, services: tuple[ServiceView, ...]) -> None:
    show_table(
        {
            t("system.service"): [t.lookup("service", service.name) for service in services],
            t("system.state"): [
                f"{'●' if service.state == 'up' else '○'} {t.lookup('service_state', service.state)}"
                for service in services
            ],
            t("system.response_time"): [_milliseconds(t, service) for service in services],
            t("system.purpose"): [t.lookup("purpose", service.name) for service in services],
        },
    )


def _milliseconds(t: Messages, service: ServiceView) -> str:
    return "" if service.milliseconds is None else t("system.milliseconds", number=t.number(service.milliseconds))


def _days(t: Messages, days: tuple[DayView, ...]) -> None:
    if not days:
        st.info(t("system.no_days"))
        return
    show_table(
        {
            t("system.started_at"): [t.moment(day.started_at) for day in days],
            t("data.batch"): [t.number(day.batch) for day in days],
            t("system.state"): [t.lookup("day_state", day.state) for day in days],
            t("system.step"): [t.lookup("step", day.step) for day in days],
            t("system.seconds"): [t.number(day.seconds, 1) for day in days],
            t("system.outcome"): [_outcome(t, day) for day in days],
        },
    )
    for day in days:
        if day.error is not None:
            title = t("system.failed_at", batch=t.number(day.batch), step=t.lookup("step", day.step))
            with st.expander(escape_markdown(title)):
                st.write(escape_markdown(t.translate(day.error)))
    with st.expander(t("system.last_steps")):
        _steps(t, days[0])


def _outcome(t: Messages, day: DayView) -> str:
    if day.version is None or day.outcome is None:
        return ""
    return t("system.version_outcome", version=day.version, outcome=t.lookup("outcome", day.outcome))


def _steps(t: Messages, day: DayView) -> None:
    show_table(
        {
            t("system.step"): [t.lookup("step", step.step) for step in day.steps],
            t("system.state"): [t.lookup("day_state", step.state) for step in day.steps],
            t("system.seconds"): [t.number(step.seconds, 1) for step in day.steps],
            t("system.attempts"): [t.number(step.attempts) for step in day.steps],
        },
    )


def _operate(context: PageContext) -> None:
    """Show the operator actions, which require the token."""
    t = context.t
    st.write(t("system.operate_intro"))
    if (confirmation := st.session_state.pop(CONFIRMATION, None)) is not None:
        st.success(escape_markdown(confirmation), icon=":material/task_alt:")
    token = st.text_input(t("system.token"), type="password", key="token", autocomplete="off")
    left, right = st.columns(2)
    with left.container(border=True):
        _reload(context, token)
    with right.container(border=True):
        _roll_back(context, token)


def _reload(context: PageContext, token: str) -> None:
    t = context.t
    st.subheader(t("system.reload"))
    st.write(t("system.reload_help"))
    if not st.button(t("system.reload_button"), disabled=not token, icon=":material/refresh:"):
        return
    reload = _attempt(context, lambda: context.api_client.reload(token))
    if reload is not None:
        key = "system.reloaded" if reload.reloaded else "system.reloaded_same"
        _confirm(t(key, version=reload.version or ""))


def _roll_back(context: PageContext, token: str) -> None:
    t = context.t
    st.subheader(t("system.rollback"))
    st.write(t("system.rollback_help"))
    version = st.text_input(t("system.rollback_to"), key="rollback.to", placeholder=t("system.rollback_previous"))
    by = st.text_input(t("system.by"), key="rollback.by")
    reason = st.text_input(t("system.reason"), key="rollback.why")
    is_complete = bool(token and by.strip() and reason.strip())
    if not st.button(t("system.rollback_button"), disabled=not is_complete, icon=":material/undo:"):
        return
    target = version.strip() or None
    rollback = _attempt(context, lambda: context.api_client.roll_back(token, target, by.strip(), reason.strip()))
    if rollback is not None:
        _confirm(t("system.rolled_back", version=rollback.version, before=rollback.before))


def _attempt(context: PageContext, action: Callable[[], T]) -> T | None:
    try:
        return action()
    except (ApiUnavailable, RequestRejected) as error:
        context.show_error(error)
        return None


def _confirm(message: str) -> None:
    """Rerun the page, so that it shows the new state together with the message."""
    st.session_state[CONFIRMATION] = message
    st.rerun()
