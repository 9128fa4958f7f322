"""The list of ICD-9 categories to choose from; any other code, or words of a title, may be typed."""

import unicodedata
from collections.abc import Sequence

from readmit.core.encounter import NOT_RECORDED
from readmit.core.icd9 import icd9_category, icd9_chapter
from ui.i18n import Messages, titles

SYNONYMS = "synonyms"


def options(t: Messages, selected: str | None, matches: Sequence[str] = ()) -> list[str]:
    """Return the matches of a search, else all categories by code; and the selected code if it is not one of them."""
    known = matches or titles(t.language)
    return [*known, *([selected] if selected and selected not in known else [])]


def describe(t: Messages, code: str) -> str:
    """Return the code with the title of its category, as in `428.33 · Heart failure`; the code alone without one."""
    title = titles(t.language).get(icd9_category(code))
    return code if title is None else f"{code} · {title}"


def option_label(t: Messages, code: str) -> str:
    """Return the code with its title and the names by which a clinician may look for it."""
    names = titles(t.language, SYNONYMS).get(icd9_category(code))
    return describe(t, code) if names is None else f"{describe(t, code)} ({names})"


def find(t: Messages, text: str) -> list[str]:
    """Return the codes whose title or common names have words that begin with those of the text.

    Case and accents do not count. Codes that have the whole text as a title or a name exclude the others.
    """
    searched, words = _fold(text), _tokens(text)
    names = {code: [title, *_names(t, code)] for code, title in titles(t.language).items()}
    exact = [code for code, texts in names.items() if searched in map(_fold, texts)]
    return exact or [code for code, texts in names.items() if words and _have(texts, words)]


def _names(t: Messages, code: str) -> list[str]:
    names = titles(t.language, SYNONYMS).get(code)
    return [] if names is None else names.split(", ")


def _have(texts: Sequence[str], words: Sequence[str]) -> bool:
    known = _tokens(" ".join(texts))
    return all(any(name.startswith(word) for name in known) for word in words)


def _tokens(text: str) -> list[str]:
    return "".join(character if character.isalnum() else " " for character in _fold(text)).split()


def _fold(text: str) -> str:
    """Return the text without case and accents."""
    decomposed = unicodedata.normalize("NFD", text.strip().casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def code_of(text: str) -> str:
    """Return the code of a selected option or of typed text."""
    return text.split("·", 1)[0].strip().upper()


def chapter_title(t: Messages, chapter: str) -> str:
    """Return the title of a chapter named by `icd9_chapter`."""
    return t("choice.not_recorded") if chapter == NOT_RECORDED else titles(t.language, "chapters")[chapter]


def chapter_of(t: Messages, code: str) -> str:
    """Return the title of a code's chapter."""
    return chapter_title(t, icd9_chapter(code))
