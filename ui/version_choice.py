"""The choice of a version on a page: that in production, until the user selects another one."""

from collections.abc import Sequence

import streamlit as st

from ui.i18n import Messages
from ui.schemas import VersionView


def choose_version(t: Messages, versions: Sequence[VersionView], key: str) -> str:
    """Show a select box, which keeps its value under a session key, and return the number of the version."""
    by_number = {version.version: version for version in versions}
    numbers = list(by_number)
    default = next((version.version for version in versions if version.in_production), numbers[0])
    return str(
        st.selectbox(
            t("model.version"),
            numbers,
            index=numbers.index(default),
            format_func=lambda option: _option(t, by_number[option]),
            key=key,
        )
    )


def _option(t: Messages, version: VersionView) -> str:
    text = t("model.option", version=version.version, candidate=t.lookup("candidate", version.candidate))
    return f"{text} \N{MIDDLE DOT} {t('model.in_production')}" if version.in_production else text
