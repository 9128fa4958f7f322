"""The encounter form, generated from the field definitions."""

from collections.abc import Iterator, Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from readmit.core.encounter import BY_NAME, DISPOSITION, DRUGS, ICD9, NOT_RECORDED, Field, Group, Kind
from readmit.core.field_values import value_error
from readmit.core.icd9 import icd9_category
from ui import icd9_picker
from ui.api_client import Case
from ui.encounter_file import GROUPS, default_case, fields_of
from ui.escaping import escape_markdown
from ui.i18n import Messages

FIELD, PRESCRIBED = "field.", "prescribed"
MATCHES = "matches."
"""Prefix of the session keys of the codes that typed text may mean."""
ICONS = {
    Group.PERSON: ":material/person:",
    Group.STAY: ":material/bed:",
    Group.HISTORY: ":material/history:",
    Group.DIAGNOSES: ":material/stethoscope:",
    Group.LABORATORY: ":material/science:",
    Group.DRUGS: ":material/medication:",
}


def fill(case: Case) -> None:
    """Set the form to a case. Call it before the widgets are created."""
    for group in GROUPS:
        for field in fields_of(group):
            st.session_state[FIELD + field.name] = to_widget(field, case.get(field.name, field.if_absent))
    prescribed = [name for name in DRUGS if case.get(name, BY_NAME[name].if_absent) != BY_NAME[name].if_absent]
    st.session_state[PRESCRIBED] = prescribed
    for name in prescribed:
        st.session_state[FIELD + name] = case[name]


def preserve_state() -> None:
    """Keep the input across page changes: Streamlit drops the state of widgets that are not shown."""
    if PRESCRIBED not in st.session_state:
        fill(default_case())
    for key in [key for key in st.session_state if str(key).startswith(FIELD) or key == PRESCRIBED]:
        st.session_state[key] = st.session_state[key]


def show(t: Messages) -> dict[str, str]:
    """Show the form. Return the error of each invalid field."""
    errors: dict[str, str] = {}
    for group in GROUPS:
        with st.container(border=True):
            st.subheader(f"{ICONS.get(group, '')} {escape_markdown(t.term(group.value).capitalize())}")
            for column, field in _in_rows(fields_of(group)):
                with column:
                    errors |= _field(t, field, FIELD + field.name)
            if group is Group.DRUGS:
                _prescriptions(t)
    return errors


def case() -> Case:
    """Return the case that is on the form."""
    names = [field.name for group in GROUPS for field in fields_of(group)] + list(st.session_state[PRESCRIBED])
    values = {name: _from_widget(BY_NAME[name], st.session_state.get(FIELD + name)) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def widget(t: Messages, field: Field, key: str) -> str | int | None:
    """Show the widget of a field. Return its value; None: not recorded."""
    label = _label(t, field)
    if field.choices:
        _choice(t, field, key, label)
    elif field.kind is Kind.COUNT:
        st.number_input(label, field.low, field.high, step=1, key=key)
    elif is_diagnosis(field.name):
        _code(t, key, label)
    else:
        st.text_input(label, key=key, placeholder=t("choice.not_recorded"))
    return _from_widget(field, st.session_state.get(key))


def field_error(t: Messages, field: Field, value: str | int | None) -> str | None:
    """Return the translated error of a value; None: it is valid."""
    if value is None:
        return None
    error = value_error(field, str(value))
    return None if error is None else t.translate(error)


def _in_rows(fields: Sequence[Field]) -> Iterator[tuple[DeltaGenerator, Field]]:
    """Yield a column and its field: three in a row if that leaves no gaps, else two."""
    width = 2 if len(fields) % 3 else 3
    for start in range(0, len(fields), width):
        yield from zip(st.columns(width), fields[start : start + width], strict=False)


def _field(t: Messages, field: Field, key: str) -> Mapping[str, str]:
    value = widget(t, field, key)
    error = field_error(t, field, value)
    if error is not None:
        st.error(escape_markdown(error))
        return {field.name: error}
    if is_diagnosis(field.name) and value is not None:
        st.caption(icd9_picker.chapter_of(t, str(value)))
    return {}


def _label(t: Messages, field: Field) -> str:
    return f"{t.label(field.name)} *" if field.required else t.label(field.name)


def _choice(t: Messages, field: Field, key: str, label: str) -> None:
    st.selectbox(
        label,
        field.choices,
        # A field can be cleared only if its absence does not stand for one of its choices.
        index=0 if field.required or field.if_absent else None,
        format_func=lambda value: t.choice(field.name, value),
        key=key,
        placeholder=t("choice.not_recorded"),
        help=_help(t, field),
    )


def _help(t: Messages, field: Field) -> str | None:
    return t("patient.disposition_help") if field.name == DISPOSITION else None


def _code(t: Messages, key: str, label: str) -> None:
    matches = st.session_state.get(MATCHES + key, [])
    st.selectbox(
        label,
        icd9_picker.options(t, st.session_state.get(key), matches),
        index=None,
        format_func=lambda code: icd9_picker.option_label(t, code),
        key=key,
        placeholder=t("patient.code_matches", number=len(matches)) if matches else t("patient.code_search"),
        filter_mode="contains",
        accept_new_options=True,
        on_change=normalize_code,
        args=(t, key),
    )


def normalize_code(t: Messages, key: str) -> None:
    """Replace typed text by its code, so that the widget shows its title; or offer the codes that it may mean."""
    st.session_state.pop(MATCHES + key, None)
    if (selected := st.session_state[key]) is None:
        return
    code = icd9_picker.code_of(str(selected))
    matches = icd9_picker.find(t, str(selected)) if icd9_category(code) == NOT_RECORDED else []
    if len(matches) > 1:
        st.session_state[MATCHES + key] = matches
    st.session_state[key] = None if len(matches) > 1 else (matches or [code])[0]


def _prescriptions(t: Messages) -> None:
    """Show the choice of drugs, then a level for each: most of the 23 drugs are not prescribed."""
    prescribed = st.multiselect(
        t("patient.prescribed"),
        DRUGS,
        format_func=t.label,
        key=PRESCRIBED,
        placeholder=t("patient.no_drug"),
    )
    for name in prescribed:
        levels = [level for level in BY_NAME[name].choices if level != BY_NAME[name].if_absent]
        st.segmented_control(
            t.label(name),
            levels,
            format_func=lambda level, drug=name: t.choice(drug, level),
            key=FIELD + name,
            required=True,
            default=levels[0] if FIELD + name not in st.session_state else None,
        )


def is_diagnosis(name: str) -> bool:
    """Return whether a field holds an ICD-9 code."""
    return BY_NAME[name].pattern == ICD9


def to_widget(field: Field, value: str | int | None) -> str | int | None:
    """Return the value for a field's widget, whose options are text."""
    return str(value) if field.choices and value is not None else value


def _from_widget(field: Field, value: str | int | None) -> str | int | None:
    """Return a widget's value as /predict accepts it; None: not recorded."""
    if value is None or value == "":
        return None
    if is_diagnosis(field.name):
        return icd9_picker.code_of(str(value))
    if field.kind is Kind.COUNT:
        return int(value)
    return int(value) if field.whole_number else str(value).strip() or None
