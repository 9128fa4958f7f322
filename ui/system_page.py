"""The page of the system: which services answer, how the last days went, and what an operator may do."""

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
"""Those with something to see, in the order in which somebody looks."""
DAYS = 10
DONE = "operated"


def show(room: PageContext) -> None:
    """The page."""
    words = room.words
    st.title(words("system.title"))
    services = room.try_request(room.api_client.services)
    if services is not None:
        _links(words, services.items)
        _services(words, services.items)
    st.header(words("system.days"))
    days = room.try_request(lambda: room.api_client.days(DAYS))
    if days is not None:
        _days(words, days.items)
    st.header(words("system.operate"))
    _operate(room)


def _links(words: Messages, services: tuple[ServiceView, ...]) -> None:
    pages = {each.name: each for each in services if each.page is not None and each.state == "up"}
    shown = [pages[name] for name in PAGES if name in pages]
    if not shown:
        return
    for column, each in zip(st.columns(len(shown)), shown, strict=True):
        column.link_button(
            escape_markdown(words.of("service", each.name)),
            str(each.page),
            icon=":material/open_in_new:",
            width="stretch",
        )


def _services(words: Messages, services: tuple[ServiceView, ...]) -> None:
    show_table(
        {
            words("system.service"): [words.of("service", each.name) for each in services],
            words("system.state"): [
                f"{'●' if each.state == 'up' else '○'} {words.of('service_state', each.state)}" for each in services
            ],
            words("system.answers_in"): [_milliseconds(words, each) for each in services],
            words("system.purpose"): [words.of("purpose", each.name) for each in services],
        },
    )


def _milliseconds(words: Messages, service: ServiceView) -> str:
    return (
        "" if service.milliseconds is None else words("system.milliseconds", number=words.number(service.milliseconds))
    )


def _days(words: Messages, days: tuple[DayView, ...]) -> None:
    if not days:
        st.info(words("system.no_days"))
        return
    show_table(
        {
            words("system.began"): [words.moment(each.started_at) for each in days],
            words("data.batch"): [words.number(each.batch) for each in days],
            words("system.state"): [words.of("day_state", each.state) for each in days],
            words("system.step"): [words.of("step", each.step) for each in days],
            words("system.seconds"): [words.number(each.seconds, 1) for each in days],
            words("system.outcome"): [_outcome(words, each) for each in days],
        },
    )
    for day in days:
        if day.error is not None:
            title = words("system.why_not", batch=words.number(day.batch), step=words.of("step", day.step))
            with st.expander(escape_markdown(title)):
                st.write(escape_markdown(words.said(day.error)))
    with st.expander(words("system.last_steps")):
        _steps(words, days[0])


def _outcome(words: Messages, day: DayView) -> str:
    if day.version is None or day.outcome is None:
        return ""
    return words("system.version_outcome", version=day.version, outcome=words.of("outcome", day.outcome))


def _steps(words: Messages, day: DayView) -> None:
    show_table(
        {
            words("system.step"): [words.of("step", each.step) for each in day.steps],
            words("system.state"): [words.of("day_state", each.state) for each in day.steps],
            words("system.seconds"): [words.number(each.seconds, 1) for each in day.steps],
            words("system.attempts"): [words.number(each.attempts) for each in day.steps],
        },
    )


def _operate(room: PageContext) -> None:
    """What changes something asks for the token; who holds it may reload the model and go back."""
    words = room.words
    st.write(words("system.operate_intro"))
    if (done := st.session_state.pop(DONE, None)) is not None:
        st.success(escape_markdown(done), icon=":material/task_alt:")
    token = st.text_input(words("system.token"), type="password", key="token", autocomplete="off")
    left, right = st.columns(2)
    with left.container(border=True):
        _reload(room, token)
    with right.container(border=True):
        _roll_back(room, token)


def _reload(room: PageContext, token: str) -> None:
    words = room.words
    st.subheader(words("system.reload"))
    st.write(words("system.reload_help"))
    if not st.button(words("system.reload_do"), disabled=not token, icon=":material/refresh:"):
        return
    told = _done(room, lambda: room.api_client.reload(token))
    if told is not None:
        key = "system.reloaded" if told.reloaded else "system.reloaded_same"
        _say(words(key, version=told.version or ""))


def _roll_back(room: PageContext, token: str) -> None:
    words = room.words
    st.subheader(words("system.rollback"))
    st.write(words("system.rollback_help"))
    version = st.text_input(words("system.rollback_to"), key="rollback.to", placeholder=words("system.rollback_before"))
    by = st.text_input(words("system.by"), key="rollback.by")
    why = st.text_input(words("system.why"), key="rollback.why")
    ready = bool(token and by.strip() and why.strip())
    if not st.button(words("system.rollback_do"), disabled=not ready, icon=":material/undo:"):
        return
    told = _done(room, lambda: room.api_client.roll_back(token, version.strip() or None, by.strip(), why.strip()))
    if told is not None:
        _say(words("system.rolled_back", version=told.version, before=told.before))


def _done(room: PageContext, act: Callable[[], T]) -> T | None:
    try:
        return act()
    except (ApiUnavailable, RequestRejected) as error:
        room.show_error(error)
        return None


def _say(sentence: str) -> None:
    """Said on the page as it is afterwards: with the version that serves now."""
    st.session_state[DONE] = sentence
    st.rerun()
