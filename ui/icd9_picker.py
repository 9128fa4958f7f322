"""The list of ICD-9 categories to choose from; any other code may be typed."""

from readmit.core.encounter import NOT_RECORDED
from readmit.core.icd9 import icd9_category, icd9_chapter
from ui.i18n import Messages, titles


def options(t: Messages, selected: str | None) -> list[str]:
    """Return all categories by code, and the selected code if it is not one of them."""
    known = titles(t.language)
    return [*known, *([selected] if selected and selected not in known else [])]


def describe(t: Messages, code: str) -> str:
    """Return the code with the title of its category, as in `428.33 · Heart failure`; the code alone without one."""
    title = titles(t.language).get(icd9_category(code))
    return code if title is None else f"{code} · {title}"


def code_of(text: str) -> str:
    """Return the code of a selected option or of typed text."""
    return text.split("·", 1)[0].strip().upper()


def chapter_title(t: Messages, chapter: str) -> str:
    """Return the title of a chapter named by `icd9_chapter`."""
    return t("choice.not_recorded") if chapter == NOT_RECORDED else titles(t.language, "chapters")[chapter]


def chapter_of(t: Messages, code: str) -> str:
    """Return the title of a code's chapter."""
    return chapter_title(t, icd9_chapter(code))
