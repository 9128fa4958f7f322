"""The ICD-9 codes to choose from, each with its category in words; any other code may be typed."""

from readmit.core.encounter import NOT_RECORDED
from readmit.core.icd9 import icd9_category, icd9_chapter
from ui.i18n import Messages, titles


def options(words: Messages, chosen: str | None) -> list[str]:
    """Every category, by code, and the code that was typed."""
    known = titles(words.language)
    return [*known, *([chosen] if chosen and chosen not in known else [])]


def in_words(words: Messages, code: str) -> str:
    """`428.33 · Heart failure`: the code and its category's title; the code alone where there is none."""
    title = titles(words.language).get(icd9_category(code))
    return code if title is None else f"{code} · {title}"


def code_of(chosen: str) -> str:
    """The code of what was chosen or typed."""
    return chosen.split("·", 1)[0].strip().upper()


def chapter_in_words(words: Messages, chapter: str) -> str:
    """The title of a chapter, as `icd9_chapter` calls it."""
    return words("choice.not_recorded") if chapter == NOT_RECORDED else titles(words.language, "chapters")[chapter]


def chapter(words: Messages, code: str) -> str:
    return chapter_in_words(words, icd9_chapter(code))
