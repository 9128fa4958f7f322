"""The page of the model: the version, how it was judged, its curves, its candidates, and every version before it."""

from collections.abc import Sequence
from urllib.parse import quote

import streamlit as st

from ui import charts
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.plain_table import show_table
from ui.schemas import CurvesView, Figures, IntervalView, VersionDetailView, VersionView

CHOSEN = "model.version"
FIRST_FIGURES = ("roc_auc", "pr_auc", "log_loss", "skill", "brier", "ece", "observed_expected", "base_rate")
SHARES = frozenset({"base_rate", "flagged", "precision", "recall", "accuracy"})
OF_CANDIDATES = ("roc_auc", "log_loss", "brier", "ece", "fit_seconds")


def show(room: PageContext) -> None:
    """The page."""
    words = room.words
    st.title(words("model.title"))
    versions = room.try_request(room.api_client.versions)
    if versions is None:
        return
    if not versions.items:
        st.info(words("model.none"))
        return
    numbers = [each.version for each in versions.items]
    first = next((each.version for each in versions.items if each.in_production), numbers[0])
    known = {each.version: each for each in versions.items}
    number = st.selectbox(
        words("model.version"),
        numbers,
        index=numbers.index(first),
        format_func=lambda each: _option(words, known[each]),
        key=CHOSEN,
    )
    told = room.try_request(lambda: room.api_client.version(number))
    if told is not None:
        _version(room, told)
    st.header(words("model.promotions"))
    _versions(words, versions.items)


def _option(words: Messages, version: VersionView) -> str:
    text = words("model.option", version=version.version, candidate=words.of("candidate", version.candidate))
    return f"{text} · {words('model.in_production')}" if version.in_production else text


def _version(room: PageContext, told: VersionDetailView) -> None:
    words = room.words
    _verdict(words, told)
    _facts(room, told)
    st.header(words("model.figures"))
    _figures(words, told)
    if told.curves is not None:
        st.header(words("model.curves"))
        _curves(words, told.curves)
    if told.candidates:
        st.header(words("model.candidates"))
        st.write(words("model.candidates_intro"))
        _candidates(words, told)


def _verdict(words: Messages, told: VersionView) -> None:
    """How it was judged, and where it stands."""
    outcome = words.of("outcome", told.outcome or "none")
    reasons = "\n".join(f"- {escape_markdown(words.said(reason))}" for reason in told.reasons)
    text = f"**{escape_markdown(outcome)}**\n\n{reasons}"
    (st.success if told.in_production else st.info)(text, icon=":material/gavel:")
    for key, note in (("model.placed", told.placed), ("model.rolled_back", told.rolled_back)):
        if note is not None:
            by = words.texts.get(f"step.{note.by}", note.by)
            st.caption(escape_markdown(words(key, at=words.moment(note.at), by=by, why=words.said(note.why))))


def _facts(room: PageContext, told: VersionView) -> None:
    words = room.words
    facts = {
        "candidate": words.of("candidate", told.candidate),
        "target": words.of("target", told.target),
        "threshold": words.percent(told.threshold),
        "batches": _batches(words, told),
    }
    for column, (name, value) in zip(st.columns(len(facts)), facts.items(), strict=True):
        column.caption(words(f"model.{name}"))
        column.write(escape_markdown(value))
    st.link_button(
        words("model.in_mlflow"),
        f"{room.mlflow}/#/models/readmit/versions/{quote(told.version, safe='')}",
        icon=":material/open_in_new:",
    )


def _batches(words: Messages, version: VersionView) -> str:
    return words("model.batch_told" if version.batch == 1 else "model.batches_told", batch=version.batch)


def _figures(words: Messages, told: VersionDetailView) -> None:
    ordered = [name for name in FIRST_FIGURES if name in told.figures]
    ordered += sorted(set(told.figures) - set(FIRST_FIGURES))
    columns = {
        words("model.figure"): [words.of("figure", name) for name in ordered],
        words("model.on_test"): [value(words, name, told.figures[name]) for name in ordered],
        words("model.interval"): [interval(words, told.intervals.get(name)) for name in ordered],
    }
    if told.rival is not None:
        title = words("model.of_rival", version=told.rival)
        columns[title] = [value(words, name, told.rival_figures.get(name)) for name in ordered]
    show_table(
        columns,
    )
    if told.roc_auc_change is not None:
        st.caption(escape_markdown(words("model.change", interval=interval(words, told.roc_auc_change, digits=4))))
    st.caption(words("model.interval_help"))


def value(words: Messages, name: str, number: float | None) -> str:
    """A figure as it is read: shares in per cent."""
    return words.percent(number) if name in SHARES else words.number(number, 4 if name == "log_loss" else 3)


def interval(words: Messages, found: IntervalView | None, digits: int = 3) -> str:
    if found is None:
        return ""
    return words("model.from_to", low=words.number(found.low, digits), high=words.number(found.high, digits))


def _curves(words: Messages, found: CurvesView) -> None:
    pictures = {
        "roc": charts.curve(found.roc, words("curve.false"), words("curve.true"), diagonal=True),
        "pr": charts.curve(found.precision_recall, words("curve.true"), words("curve.precision"), diagonal=False),
        "calibration": charts.curve(
            found.calibration, words("curve.said"), words("curve.happened"), diagonal=True, dots=True
        ),
    }
    for column, (name, picture) in zip(st.columns(len(pictures)), pictures.items(), strict=True):
        column.markdown(f"**{words(f'curve.{name}')}**")
        column.altair_chart(picture, width="stretch")
        column.caption(words(f"curve.{name}_help"))


def _candidates(words: Messages, told: VersionDetailView) -> None:
    found = [name for name in OF_CANDIDATES if any(name in each.figures for each in told.candidates)]
    columns: dict[str, Sequence[str]] = {
        words("model.candidate"): [
            words.of("candidate", each.name) + (f" · {words('model.chosen')}" if each.chosen else "")
            for each in told.candidates
        ]
    }
    for name in found:
        columns[words.of("figure", name)] = [_of_candidate(words, name, each.figures) for each in told.candidates]
    show_table(
        columns,
    )


def _of_candidate(words: Messages, name: str, figures: Figures) -> str:
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    told = value(words, name, figures.get(name))
    return told if low is None or high is None else f"{told} ({interval(words, IntervalView(low, high))})"


def _versions(words: Messages, versions: Sequence[VersionView]) -> None:
    show_table(
        {
            words("model.version"): [each.version for each in versions],
            words("model.candidate"): [words.of("candidate", each.candidate) for each in versions],
            words("model.batches"): [_batches(words, each) for each in versions],
            words("figure.roc_auc"): [words.number(each.figures.get("roc_auc"), 3) for each in versions],
            words("model.verdict"): [_standing(words, each) for each in versions],
            words("model.when"): [words.moment(each.decided_at) for each in versions],
            words("model.why"): ["; ".join(words.said(reason) for reason in each.reasons) for each in versions],
        },
    )


def _standing(words: Messages, version: VersionView) -> str:
    outcome = words.of("outcome", version.outcome or "none")
    return f"{outcome} · {words('model.in_production')}" if version.in_production else outcome
