"""The part of the model page with the evaluation of a version on its test patients."""

from collections.abc import Sequence

import streamlit as st

from ui import charts, evaluation_charts
from ui.api_client import ApiUnavailable, RequestRejected
from ui.escaping import escape_markdown
from ui.evaluation_schemas import CalibrationView, EvaluationView, MeasureView, OperatingPointView, SubgroupView
from ui.i18n import Messages
from ui.page_context import PageContext
from ui.plain_table import show_table
from ui.statistics_page import field_label, group_label

NOT_FOUND = 404
MAX_IMPORTANCES = 15
SHARES = ("ppv", "sensitivity", "specificity")


def fetch(context: PageContext, number: str) -> EvaluationView | None:
    """Return the evaluation of a version; show why, and return None, when there is none."""
    try:
        return context.api_client.evaluation(number)
    except RequestRejected as error:
        if error.status != NOT_FOUND:
            context.show_error(error)
        else:
            st.caption(escape_markdown(context.t.translate(error.message)))
    except ApiUnavailable as error:
        context.show_error(error)
    return None


def show(t: Messages, evaluation: EvaluationView) -> None:
    """Show the evaluation."""
    st.header(t("evaluation.title"))
    counts = {
        "encounters": t.number(evaluation.encounters),
        "patients": t.number(evaluation.patients),
        "readmitted": t.number(evaluation.readmitted),
    }
    st.write(escape_markdown(t("evaluation.intro", **counts)))
    _curves(t, evaluation)
    st.subheader(escape_markdown(t("evaluation.at_threshold", threshold=t.percent(evaluation.threshold))))
    _operating_point(t, evaluation.operating_point)
    st.subheader(t("evaluation.calibration"))
    _calibration(t, evaluation.calibration)
    st.subheader(t("evaluation.decision_curve"))
    st.altair_chart(evaluation_charts.decision_curve(t, evaluation.decision_curve), width="stretch")
    st.caption(t("evaluation.decision_help"))
    st.subheader(t("evaluation.subgroups"))
    _subgroups(t, evaluation.subgroups)
    st.subheader(t("evaluation.importances"))
    _importances(t, evaluation)


def measure_text(t: Messages, measure: MeasureView, digits: int = 2, *, share: bool = False) -> str:
    """Return a figure with its interval as text, shares in per cent."""

    def text(value: float | None) -> str:
        return t.percent(value) if share else t.number(value, digits)

    if measure.value is None or measure.low is None:
        return text(measure.value)
    return f"{text(measure.value)} ({t('model.from_to', low=text(measure.low), high=text(measure.high))})"


def _curves(t: Messages, evaluation: EvaluationView) -> None:
    by_name = {
        "roc": charts.curve(evaluation.roc, t("curve.false_positives"), t("curve.recall"), diagonal=True),
        "pr": charts.curve(evaluation.precision_recall, t("curve.recall"), t("curve.precision"), diagonal=False),
        "calibration": evaluation_charts.calibration(t, evaluation.calibration.bins),
    }
    for column, (name, chart) in zip(st.columns(len(by_name)), by_name.items(), strict=True):
        column.markdown(f"**{t(f'curve.{name}')}**")
        column.altair_chart(chart, width="stretch")
        column.caption(t(f"curve.{name}_help"))


def _operating_point(t: Messages, point: OperatingPointView) -> None:
    shares = [(name, measure_text(t, getattr(point, name), share=True)) for name in SHARES]
    counts = [(name, measure_text(t, getattr(point, name), 1)) for name in ("alerts_per_100", "alerts_per_readmission")]
    names, values = zip(*shares, *counts, strict=True)
    show_table({t("model.metric"): [t(f"evaluation.{name}") for name in names], t("model.on_test"): values})


def _calibration(t: Messages, calibration: CalibrationView) -> None:
    values = {
        "slope": measure_text(t, calibration.slope),
        "intercept": measure_text(t, calibration.intercept),
        "observed_expected": measure_text(t, calibration.observed_expected),
        "ece": t.number(calibration.ece, 4),
        "ece_by_chance": t.number(calibration.ece_by_chance, 4),
    }
    names = [t(f"evaluation.{name}") for name in values]
    show_table({t("model.metric"): names, t("model.on_test"): list(values.values())})
    st.caption(t("evaluation.calibration_help"))


def _subgroups(t: Messages, groups: Sequence[SubgroupView]) -> None:
    fields = list(dict.fromkeys(group.field for group in groups))
    if not fields:
        st.caption(t("evaluation.no_subgroups"))
        return
    selected = st.segmented_control(
        t("statistics.by"),
        fields,
        format_func=lambda name: escape_markdown(field_label(t, name)),
        default=fields[0],
        key="subgroup_field",
        required=True,
    )
    shown = [group for group in groups if group.field == selected]
    columns = {
        t("statistics.group"): [group_label(t, group.field, group.values) for group in shown],
        t("statistics.encounters"): [t.number(group.encounters) for group in shown],
        t("statistics.readmitted"): [t.number(group.readmitted) for group in shown],
        t("metric.roc_auc"): [measure_text(t, group.roc_auc) for group in shown],
        t("metric.observed_expected"): [measure_text(t, group.observed_expected) for group in shown],
        t("evaluation.sensitivity"): [measure_text(t, group.sensitivity, share=True) for group in shown],
        t("evaluation.ppv"): [measure_text(t, group.ppv, share=True) for group in shown],
        t("metric.flagged"): [measure_text(t, group.flagged, share=True) for group in shown],
    }
    show_table(columns)
    st.caption(t("evaluation.subgroups_help"))


def _importances(t: Messages, evaluation: EvaluationView) -> None:
    shown = list(evaluation.importances.items())[:MAX_IMPORTANCES]
    columns = {
        t("why.field"): [t.label(name) for name, _ in shown],
        t("evaluation.increase"): [t.number(item.increase, 5) for _, item in shown],
        t("evaluation.standard_error"): [t.number(item.standard_error, 5) for _, item in shown],
    }
    show_table(columns)
    st.caption(t("evaluation.importances_help"))
