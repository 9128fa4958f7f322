"""Every sentence of the page, in the language of who reads it.

A catalogue has a text for each key. What comes from the fields and from the API is English; another language's
catalogue translates it, whole (`terms`) or as a form with gaps (`said`). What it lacks stays as it is.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from readmit.core.encounter import BY_NAME

LANGUAGES = {"en": "English", "es": "Español"}
FOLDER = Path(__file__).parent / "locales"
THOUSANDS_AND_DECIMALS = {"en": str.maketrans({}), "es": str.maketrans(",.", ".,")}
NO_NUMBER, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
GAP = re.compile(r"\{(\w+)\}")
TYPED = "value"
"""The gap for what somebody typed: it stays as it was, be it a number or a diagnosis."""
FIGURE = re.compile(r"[+-]?\d+\.\d+")


@dataclass(frozen=True, slots=True)
class MessagePattern:
    """A sentence with gaps, by which one that somebody said is known, and what it is in this language."""

    known: re.Pattern[str]
    text: str


@dataclass(frozen=True, slots=True)
class Messages:
    """`texts` by key, `terms` by what they are in English."""

    language: str
    texts: Mapping[str, str]
    terms: Mapping[str, str]
    forms: tuple[MessagePattern, ...]

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, its gaps filled."""
        return self.texts[key].format(**values)

    def of(self, family: str, name: str) -> str:
        """The text of a name among a family of keys; a name that has none stands for itself."""
        return self.texts.get(f"{family}.{name}", name.replace("_", " "))

    def label(self, name: str) -> str:
        """What a field is called; what is no field stands for itself."""
        field = BY_NAME.get(name)
        return name if field is None else self.term(field.label or field.meaning)

    def choice(self, name: str, value: str | int) -> str:
        """What a value of a field means."""
        field = BY_NAME[name]
        if field.words and str(value) in field.choices:
            return self.term(field.words[field.choices.index(str(value))])
        return str(value)

    def term(self, english: str) -> str:
        """What the code calls it, in this language."""
        return self.terms.get(english) or self._by_form(english) or english

    def said(self, sentence: str) -> str:
        """What the API said, in this language; several sentences may be joined by semicolons."""
        whole = self.term(sentence)
        if whole != sentence or "; " not in sentence:
            return whole
        return "; ".join(self.term(part) for part in sentence.split("; "))

    def _by_form(self, sentence: str) -> str | None:
        for form in self.forms:
            if found := form.known.fullmatch(sentence):
                return form.text.format(**{name: self._in_gap(name, text) for name, text in found.groupdict().items()})
        return None

    def _in_gap(self, name: str, text: str) -> str:
        if name != TYPED and FIGURE.fullmatch(text):
            return text.translate(THOUSANDS_AND_DECIMALS[self.language]).replace("-", MINUS)
        return self.label(text) if text in BY_NAME else self.term(text)

    def number(self, value: float | None, digits: int = 0) -> str:
        """1,234.5 or 1.234,5."""
        if value is None:
            return NO_NUMBER
        return f"{value:,.{digits}f}".translate(THOUSANDS_AND_DECIMALS[self.language]).replace("-", MINUS)

    def moment(self, at: datetime | None) -> str:
        """A time to the minute, UTC: 2026-11-25 09:41."""
        return NO_NUMBER if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"

    def percent(self, share: float | None, digits: int = 1) -> str:
        return NO_NUMBER if share is None else f"{self.number(100 * share, digits)}\N{NO-BREAK SPACE}%"


@cache
def words(language: str) -> Messages:
    """The catalogue of a language."""
    read = tomllib.loads((FOLDER / f"{language}.toml").read_text())
    terms, said = read.pop("terms", {}), read.pop("said", {})
    texts = {f"{family}.{key}": text for family, keys in read.items() for key, text in keys.items()}
    # What says most comes first: "{value} is not {form}" would take nearly every sentence.
    ordered = sorted(said.items(), key=lambda form: -len(GAP.sub("", form[0])))
    return Messages(language, texts, terms, tuple(MessagePattern(_pattern(english), text) for english, text in ordered))


def _pattern(english: str) -> re.Pattern[str]:
    """Matches what the form can have become; a gap's name may stand once."""
    parts = GAP.split(english)
    return re.compile("".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)))


@cache
def titles(language: str, kind: str = "icd9") -> Mapping[str, str]:
    """The titles of diagnoses by category, or of their chapters."""
    lines = (FOLDER / f"{kind}.{language}.tsv").read_text().splitlines()
    return dict(line.split("\t") for line in lines)


def language_of(locale: str | None) -> str:
    """The language that a browser asks for, if the page speaks it; else English."""
    asked = (locale or "").lower().partition("-")[0]
    return asked if asked in LANGUAGES else next(iter(LANGUAGES))
