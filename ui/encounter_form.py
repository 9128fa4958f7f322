"""The form: a widget for each field of an encounter, made from the field itself."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from readmit.core.encounter import BY_NAME, DISPOSITION, DRUGS, ICD9, Field, Group, Kind, value_fault
from ui import icd9_picker
from ui.api_client import Case
from ui.encounter_file import GROUPS, fields_of, usual
from ui.escaping import escape_markdown
from ui.i18n import Messages

IN_A_ROW = 3
FIELD, PRESCRIBED = "field.", "prescribed"
ICONS = {
    Group.PERSON: ":material/person:",
    Group.STAY: ":material/bed:",
    Group.HISTORY: ":material/history:",
    Group.DIAGNOSES: ":material/stethoscope:",
    Group.LABORATORY: ":material/science:",
    Group.DRUGS: ":material/medication:",
}


def put(case: Case) -> None:
    """Has the form show a case. Before its widgets are made."""
    for group in GROUPS:
        for field in fields_of(group):
            st.session_state[FIELD + field.name] = shown(field, case.get(field.name, field.if_absent))
    given = [name for name in DRUGS if case.get(name, BY_NAME[name].if_absent) != BY_NAME[name].if_absent]
    st.session_state[PRESCRIBED] = given
    for name in given:
        st.session_state[FIELD + name] = case[name]


def keep() -> None:
    """What was typed outlives a visit to another page: Streamlit forgets widgets that it does not see."""
    if PRESCRIBED not in st.session_state:
        put(usual())
    for key in [key for key in st.session_state if str(key).startswith(FIELD) or key == PRESCRIBED]:
        st.session_state[key] = st.session_state[key]


def show(words: Messages) -> dict[str, str]:
    """The whole form; what is wrong with which field."""
    faults: dict[str, str] = {}
    for group in GROUPS:
        with st.container(border=True):
            st.subheader(f"{ICONS.get(group, '')} {escape_markdown(words.term(group.value).capitalize())}")
            for row in _rows(fields_of(group)):
                for column, field in zip(st.columns(IN_A_ROW), row, strict=False):
                    with column:
                        faults |= _asked(words, field, FIELD + field.name)
            if group is Group.DRUGS:
                _prescriptions(words)
    return faults


def case() -> Case:
    """What the form says."""
    names = [field.name for group in GROUPS for field in fields_of(group)] + list(st.session_state[PRESCRIBED])
    values = {name: _said(BY_NAME[name], st.session_state.get(FIELD + name)) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def widget(words: Messages, field: Field, key: str) -> str | int | None:
    """One field's widget, in whatever place; what it says."""
    label = _label(words, field)
    if field.choices:
        _choice(words, field, key, label)
    elif field.kind is Kind.COUNT:
        st.number_input(label, field.low, field.high, step=1, key=key)
    elif is_diagnosis(field.name):
        _code(words, key, label)
    else:
        st.text_input(label, key=key, placeholder=words("choice.not_recorded"))
    return _said(field, st.session_state.get(key))


def fault(words: Messages, field: Field, value: str | int | None) -> str | None:
    """Why a typed value can't stand in a field."""
    if value is None:
        return None
    found = value_fault(field, str(value))
    return None if found is None else words.said(found)


def _rows(fields: list[Field]) -> list[tuple[Field, ...]]:
    return [tuple(fields[start : start + IN_A_ROW]) for start in range(0, len(fields), IN_A_ROW)]


def _asked(words: Messages, field: Field, key: str) -> Mapping[str, str]:
    value = widget(words, field, key)
    found = fault(words, field, value)
    if found is not None:
        st.error(escape_markdown(found))
        return {field.name: found}
    if is_diagnosis(field.name) and value is not None:
        st.caption(icd9_picker.chapter(words, str(value)))
    return {}


def _label(words: Messages, field: Field) -> str:
    return f"{words.label(field.name)} *" if field.required else words.label(field.name)


def _choice(words: Messages, field: Field, key: str, label: str) -> None:
    st.selectbox(
        label,
        field.choices,
        # What is absent and means a choice is chosen as that choice; only where it means nothing it can be left out.
        index=0 if field.required or field.if_absent else None,
        format_func=lambda value: words.choice(field.name, value),
        key=key,
        placeholder=words("choice.not_recorded"),
        help=_help(words, field),
    )


def _help(words: Messages, field: Field) -> str | None:
    return words("patient.dies") if field.name == DISPOSITION else None


def _code(words: Messages, key: str, label: str) -> None:
    st.selectbox(
        label,
        icd9_picker.options(words, st.session_state.get(key)),
        index=None,
        format_func=lambda code: icd9_picker.in_words(words, code),
        key=key,
        placeholder=words("patient.code_search"),
        filter_mode="contains",
        accept_new_options=True,
        on_change=_take_the_code,
        args=(key,),
    )


def _take_the_code(key: str) -> None:
    """What was typed stands there as its code, so that its title is shown beside it."""
    if (chosen := st.session_state[key]) is not None:
        st.session_state[key] = icd9_picker.code_of(str(chosen))


def _prescriptions(words: Messages) -> None:
    """Of 23 drugs few are given: those are chosen first, and each then has its level."""
    chosen = st.multiselect(
        words("patient.prescribed"),
        DRUGS,
        format_func=words.label,
        key=PRESCRIBED,
        placeholder=words("patient.no_drug"),
    )
    for row in _rows([BY_NAME[name] for name in chosen]):
        for column, field in zip(st.columns(IN_A_ROW), row, strict=False):
            levels = [level for level in field.choices if level != field.if_absent]
            column.segmented_control(
                words.label(field.name),
                levels,
                format_func=lambda level, name=field.name: words.choice(name, level),
                key=FIELD + field.name,
                required=True,
                default=levels[0] if FIELD + field.name not in st.session_state else None,
            )


def is_diagnosis(name: str) -> bool:
    return BY_NAME[name].pattern == ICD9


def shown(field: Field, value: str | int | None) -> str | int | None:
    """A value as its widget has it: ids are chosen by their text."""
    return str(value) if field.choices and value is not None else value


def _said(field: Field, shown: Any) -> str | int | None:
    """What a widget says, as /predict takes it."""
    if shown is None or shown == "":
        return None
    if is_diagnosis(field.name):
        return icd9_picker.code_of(str(shown))
    if field.kind is Kind.COUNT:
        return int(shown)
    return int(shown) if field.whole_number else str(shown).strip() or None
