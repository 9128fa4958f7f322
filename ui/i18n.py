"""Texts of the page by language, and translation of the texts of the API.

A catalogue holds a text for each key. Field names and the messages of the API are English; the catalogues of other
languages translate them, either as a whole (`terms`) or by patterns with placeholders (`patterns`). Text without a
translation stays English.
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
DECIMAL_COMMA = str.maketrans(",.", ".,")
POINT_REGIONS = frozenset(("419", *("BR", "BZ", "CU", "DO", "GT", "HN", "MX", "NI", "PA", "PE", "PR", "SV", "US")))
"""Regions in which Spanish has a decimal point; elsewhere it has a comma. Source: Unicode CLDR, es_419 and below."""
REGION = re.compile(r"[-_]([A-Za-z]{2}|\d{3})(?![^-_])")
"""The region in a locale: PE in es-PE and es-Latn-PE."""
NO_VALUE, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
PLACEHOLDER = re.compile(r"\{(\w+)\}")
USER_INPUT = "value"
"""The placeholder for user input, whose numbers are not reformatted. A field may precede it: `age: 'old'`."""
REDACTED = re.compile(r"\(a number of \d+ digits\)")
"""A long number in user input, as `readmit.core.quarantine_reasons` redacts it."""
NUMBER = re.compile(r"[+-]?(\d+\.\d+|\d{1,3}(,\d{3})+(\.\d+)?)")
"""A number with decimals or thousands separators."""


@dataclass(frozen=True, slots=True)
class MessagePattern:
    """A pattern of English messages, and its translation with the same placeholders."""

    pattern: re.Pattern[str]
    text: str


@dataclass(frozen=True, slots=True)
class Messages:
    """The catalogue of one language: `texts` by key, `terms` and `patterns` by their English text.

    `decimal_comma`: whether numbers are written as 1.234,5, not 1,234.5.
    """

    language: str
    texts: Mapping[str, str]
    terms: Mapping[str, str]
    patterns: tuple[MessagePattern, ...]
    decimal_comma: bool

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of a key with its placeholders filled."""
        return self.texts[key].format(**values)

    def lookup(self, family: str, name: str) -> str:
        """Return the text of `family.name`; the name itself when the catalogue has none."""
        return self.texts.get(f"{family}.{name}", name.replace("_", " "))

    def label(self, name: str) -> str:
        """Return the label of a field; the name itself when there is no such field."""
        field = BY_NAME.get(name)
        return name if field is None else self.term(field.label or field.meaning)

    def choice(self, name: str, value: str | int) -> str:
        """Return the meaning of a field's value."""
        field = BY_NAME[name]
        if field.choice_meanings and str(value) in field.choices:
            return self.term(field.choice_meanings[field.choices.index(str(value))])
        return str(value)

    def term(self, english: str) -> str:
        """Return the translation of one English text; the text itself when there is none."""
        return self.terms.get(english) or self._match_pattern(english) or english

    def translate(self, message: str) -> str:
        """Return the translation of a message of the API, which may consist of parts joined by semicolons."""
        # An error without a field starts with the colon that follows a field.
        parts = [part.removeprefix(": ") for part in message.split("; ")]
        translated = [self.term(part) for part in parts]
        # The whole comes second: "{field}: {error}" would match several errors as if they were one.
        if any(text == part for text, part in zip(translated, parts, strict=True)):
            whole = self.term(message)
            if whole != message:
                return whole
        return "; ".join(translated)

    def _match_pattern(self, message: str) -> str | None:
        for candidate in self.patterns:
            if match := candidate.pattern.fullmatch(message):
                values = {name: self._fill_placeholder(name, text) for name, text in match.groupdict().items()}
                return candidate.text.format(**values)
        return None

    def _fill_placeholder(self, name: str, text: str) -> str:
        if name == USER_INPUT:
            text = REDACTED.sub(lambda match: self.term(match[0]), text)
        elif NUMBER.fullmatch(text):
            return self._localize(text)
        return self.label(text) if text in BY_NAME else self.term(text)

    def number(self, value: float | None, digits: int = 0) -> str:
        """Return 1,234.5 or 1.234,5."""
        if value is None:
            return NO_VALUE
        return self._localize(f"{value:,.{digits}f}")

    def _localize(self, number: str) -> str:
        return (number.translate(DECIMAL_COMMA) if self.decimal_comma else number).replace("-", MINUS)

    def moment(self, at: datetime | None) -> str:
        """Return a time in UTC to the minute: 2026-11-25 09:41."""
        return NO_VALUE if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"

    def percent(self, share: float | None, digits: int = 1) -> str:
        """Return a share (0 to 1) in per cent."""
        return NO_VALUE if share is None else f"{self.number(100 * share, digits)}\N{NO-BREAK SPACE}%"


def load_messages(language: str, locale: str | None = None) -> Messages:
    """Return the catalogue of a language, with the numbers of the region in a browser's locale."""
    return _catalogue(language, _has_decimal_comma(language, locale))


def _has_decimal_comma(language: str, locale: str | None) -> bool:
    region = REGION.search(locale or "")
    return language == "es" and (region is None or region[1].upper() not in POINT_REGIONS)


@cache
def _catalogue(language: str, decimal_comma: bool) -> Messages:
    catalogue = tomllib.loads((FOLDER / f"{language}.toml").read_text())
    terms, patterns = catalogue.pop("terms", {}), catalogue.pop("patterns", {})
    texts = {f"{family}.{key}": text for family, keys in catalogue.items() for key, text in keys.items()}
    # The most specific pattern first: "{value} is not {hint}" would match nearly every message.
    ordered = sorted(patterns.items(), key=lambda item: -len(PLACEHOLDER.sub("", item[0])))
    compiled = tuple(MessagePattern(_pattern(english), text) for english, text in ordered)
    return Messages(language, texts, terms, compiled, decimal_comma)


def _pattern(english: str) -> re.Pattern[str]:
    """Return the pattern that matches the filled text; each placeholder may occur once."""
    parts = PLACEHOLDER.split(english)
    return re.compile("".join(f"(?P<{part}>.+?)" if index % 2 else re.escape(part) for index, part in enumerate(parts)))


@cache
def titles(language: str, kind: str = "icd9") -> Mapping[str, str]:
    """Return the titles of the ICD-9 categories (`icd9`), their common names (`synonyms`) or chapters, by code."""
    lines = (FOLDER / f"{kind}.{language}.tsv").read_text().splitlines()
    return dict(line.split("\t") for line in lines)


def language_of(locale: str | None) -> str:
    """Return the language of a browser's locale if the page supports it, else English."""
    language = (locale or "").lower().partition("-")[0]
    return language if language in LANGUAGES else next(iter(LANGUAGES))
