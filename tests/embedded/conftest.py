"""Compare a results page with its report: which numbers on the page are not in the report."""

import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

import pytest

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
VOID_TAGS = {"meta", "link", "br", "path", "circle"}
HIDDEN_TAGS = {"style", "script"}
PHRASES = {"of 100", "100 discharges", "A hundred"}
"""Phrases that express a rate: a unit like per cent."""


@pytest.fixture
def find_unknown_numbers() -> Callable[[Mapping[str, Any], str], list[str]]:
    return unknown_numbers


class PageReader(HTMLParser):
    """The visible text of a page, separated by whether it is in a `<data>` element, without the axis ticks."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.data: list[tuple[float, str]] = []
        self.plain: list[str] = []
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.plain += [str(attributes[name]) for name in ("aria-label", "alt") if name in attributes]
        if tag not in VOID_TAGS:
            self.open.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID_TAGS:
            assert self.open.pop()[0] == tag, "each element ends where it should"

    def handle_data(self, text: str) -> None:
        tag, attributes = self.open[-1] if self.open else ("", {})
        if tag == "data":
            self.data.append((float(str(attributes["value"])), text))
        elif (
            tag not in HIDDEN_TAGS
            and attributes.get("class") != "tick"
            and not any(ancestor.get("id") == "credit" for _, ancestor in self.open)
        ):
            self.plain.append(text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.plain).split())


def leaves(value: object) -> Iterator[object]:
    """All values of a report, and the keys of its mappings."""
    if isinstance(value, Mapping):
        yield from value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else None
    if inner is None:
        yield value
    for item in inner or ():
        yield from leaves(item)


def unknown_numbers(report: Mapping[str, Any], text: str) -> list[str]:
    """Numbers on a page that are not in the report, neither as a rounded value nor within one of its texts."""
    reader, items = PageReader(text), list(leaves(report))
    values = {float(item) for item in items if isinstance(item, int | float)}
    in_texts = {number for item in items if isinstance(item, str) for number in NUMBER.findall(item)}
    page_text = reader.text
    for phrase in PHRASES:
        page_text = page_text.replace(phrase, "")
    unknown = [number for number in NUMBER.findall(page_text) if number not in in_texts]
    return unknown + [shown for value, shown in reader.data if value not in values or not is_rounded(value, shown)]


def is_rounded(value: float, shown: str) -> bool:
    """Whether the text is the value, or 100 times the value, rounded to the digits shown."""
    number = float(re.sub(r"[^\d.−]", "", shown).replace("−", "-"))
    digits = len(shown.partition(".")[2].rstrip("\u00a0 %s")) if "." in shown else 0
    return any(abs(scaled - number) <= 0.5 * 10**-digits + 1e-9 for scaled in (value, 100 * value))
