"""The page of the model: prospective figures, one version with its evaluation on test, and the list of all versions."""

from collections.abc import Sequence
from urllib.parse import quote

import streamlit as st

from ui import charts, evaluation_section
from ui.escaping import escape_markdown
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.plain_table import show_table
from ui.prospective_section import show_prospective
from ui.schemas import CurvesView, Figures, IntervalView, VersionDetailView, VersionView
from ui.version_choice import choose_version

SELECTED = "model.version"
LEADING_METRICS = ("roc_auc", "pr_auc", "log_loss", "skill", "brier", "ece", "observed_expected", "base_rate")
PERCENT_METRICS = frozenset({"base_rate", "flagged", "precision", "recall", "accuracy"})
CANDIDATE_METRICS = ("roc_auc", "log_loss", "brier", "ece", "fit_seconds")


def show(context: PageContext) -> None:
    """Show the page."""
    t = context.t
    st.title(t("model.title"))
    versions = context.try_request(context.api_client.versions)
    if versions is None:
        return
    if not versions.items:
        st.info(t("model.none"))
        return
    production = next((version for version in versions.items if version.in_production), None)
    show_prospective(context, production)
    st.header(t("model.one_version"))
    number = choose_version(t, versions.items, SELECTED)
    version = context.try_request(lambda: context.api_client.version(number))
    if version is not None:
        _version(context, version)
    st.header(t("model.versions"))
    st.write(t("model.comparable_help"))
    _versions(t, versions.items)


def _version(context: PageContext, version: VersionDetailView) -> None:
    t = context.t
    _verdict(t, version)
    _facts(context, version)
    st.header(t("model.metrics"))
    _metrics(t, version)
    evaluation = evaluation_section.fetch(context, version.version)
    if evaluation is not None:
        evaluation_section.show(t, evaluation)
    elif version.curves is not None:
        st.header(t("model.curves"))
        _curves(t, version.curves)
    if version.candidates:
        st.header(t("model.candidates"))
        st.write(t("model.candidates_intro"))
        _candidates(t, version)


def _verdict(t: Messages, version: VersionView) -> None:
    """Show the verdict on a version, and when it was promoted and rolled back."""
    outcome = t.lookup("outcome", version.outcome or "none")
    reasons = "\n".join(f"- {escape_markdown(t.translate(reason))}" for reason in version.reasons)
    text = f"**{escape_markdown(outcome)}**\n\n{reasons}"
    (st.success if version.in_production else st.info)(text, icon=":material/gavel:")
    for key, note in (("model.promoted", version.placed), ("model.rolled_back", version.rolled_back)):
        if note is not None:
            by = t.texts.get(f"step.{note.by}", note.by)
            st.caption(escape_markdown(t(key, at=t.moment(note.at), by=by, reason=t.translate(note.why))))


def _facts(context: PageContext, version: VersionView) -> None:
    t = context.t
    facts = {
        "candidate": t.lookup("candidate", version.candidate),
        "target": t.lookup("target", version.target),
        "threshold": t.percent(version.threshold),
        "batches": _batches(t, version),
    }
    for column, (name, value) in zip(st.columns(len(facts)), facts.items(), strict=True):
        column.caption(t(f"model.{name}"))
        column.write(escape_markdown(value))
    st.link_button(
        t("model.in_mlflow"),
        f"{context.mlflow}/#/models/readmit/versions/{quote(version.version, safe='')}",
        icon=":material/open_in_new:",
    )


def _batches(t: Messages, version: VersionView) -> str:
    return t("model.one_batch" if version.batch == 1 else "model.batch_range", batch=version.batch)


def _metrics(t: Messages, version: VersionDetailView) -> None:
    names = [name for name in LEADING_METRICS if name in version.figures]
    names += sorted(set(version.figures) - set(LEADING_METRICS))
    columns = {
        t("model.metric"): [t.lookup("metric", name) for name in names],
        t("model.on_test"): [format_metric(t, name, version.figures[name]) for name in names],
        t("model.interval"): [format_interval(t, version.intervals.get(name)) for name in names],
    }
    if version.rival is not None:
        title = t("model.champion", version=version.rival)
        columns[title] = [format_metric(t, name, version.rival_figures.get(name)) for name in names]
    show_table(columns)
    if version.roc_auc_change is not None:
        change = format_interval(t, version.roc_auc_change, digits=4)
        st.caption(escape_markdown(t("model.change", interval=change)))
    st.caption(t("model.interval_help"))
    if version.consulted is not None:
        st.caption(escape_markdown(t("model.consulted_help", times=t.number(version.consulted))))


def format_metric(t: Messages, name: str, value: float | None) -> str:
    """Return a metric as text, shares in per cent."""
    return t.percent(value) if name in PERCENT_METRICS else t.number(value, 4 if name == "log_loss" else 3)


def format_interval(t: Messages, interval: IntervalView | None, digits: int = 3) -> str:
    """Return an interval as text, empty for None."""
    if interval is None:
        return ""
    return t("model.from_to", low=t.number(interval.low, digits), high=t.number(interval.high, digits))


def _curves(t: Messages, curves: CurvesView) -> None:
    by_name = {
        "roc": charts.curve(curves.roc, t("curve.false_positives"), t("curve.recall"), diagonal=True),
        "pr": charts.curve(curves.precision_recall, t("curve.recall"), t("curve.precision"), diagonal=False),
        "calibration": charts.curve(
            curves.calibration, t("curve.predicted"), t("curve.observed"), diagonal=True, dots=True
        ),
    }
    for column, (name, chart) in zip(st.columns(len(by_name)), by_name.items(), strict=True):
        column.markdown(f"**{t(f'curve.{name}')}**")
        column.altair_chart(chart, width="stretch")
        column.caption(t(f"curve.{name}_help"))


def _candidates(t: Messages, version: VersionDetailView) -> None:
    candidates = version.candidates
    names = [name for name in CANDIDATE_METRICS if any(name in candidate.figures for candidate in candidates)]
    columns: dict[str, Sequence[str]] = {
        t("model.candidate"): [
            t.lookup("candidate", candidate.name) + (f" · {t('model.selected')}" if candidate.chosen else "")
            for candidate in candidates
        ]
    }
    for name in names:
        columns[t.lookup("metric", name)] = [_candidate_value(t, name, candidate.figures) for candidate in candidates]
    show_table(columns)


def _candidate_value(t: Messages, name: str, figures: Figures) -> str:
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    text = format_metric(t, name, figures.get(name))
    return text if low is None or high is None else f"{text} ({format_interval(t, IntervalView(low, high))})"


def _versions(t: Messages, versions: Sequence[VersionView]) -> None:
    show_table(
        {
            t("model.version"): [version.version for version in versions],
            t("model.candidate"): [t.lookup("candidate", version.candidate) for version in versions],
            t("model.batches"): [_batches(t, version) for version in versions],
            t("model.roc_auc_on_test"): [t.number(version.figures.get("roc_auc"), 3) for version in versions],
            t("model.consulted"): [t.number(version.consulted) for version in versions],
            t("model.comparable_roc_auc"): [t.number(version.comparable_roc_auc, 3) for version in versions],
            t("model.verdict"): [_status(t, version) for version in versions],
            t("model.decided_at"): [t.moment(version.decided_at) for version in versions],
            t("model.reasons"): ["; ".join(t.translate(reason) for reason in version.reasons) for version in versions],
        },
    )


def _status(t: Messages, version: VersionView) -> str:
    outcome = t.lookup("outcome", version.outcome or "none")
    return f"{outcome} · {t('model.in_production')}" if version.in_production else outcome
