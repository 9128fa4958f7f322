"""Holds a page of results to its report: which numbers of the one are not of the other."""

import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

import pytest

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
VOID = {"meta", "link", "br", "path", "circle"}
UNSEEN = {"style", "script"}
CONVENTION = {"of 100", "100 discharges", "A hundred"}
"""How a rate is said: it is a unit like per cent."""


@pytest.fixture
def strange_numbers() -> Callable[[Mapping[str, Any], str], list[str]]:
    return numbers_that_are_not_of


class Reader(HTMLParser):
    """What a reader finds on a page: text by whether a `<data>` element holds it, without the ticks of the axes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.data: list[tuple[float, str]] = []
        self.plain: list[str] = []
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.plain += [str(found[name]) for name in ("aria-label", "alt") if name in found]
        if tag not in VOID:
            self.open.append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop()[0] == tag, "each element ends where it should"

    def handle_data(self, text: str) -> None:
        tag, attributes = self.open[-1] if self.open else ("", {})
        if tag == "data":
            self.data.append((float(str(attributes["value"])), text))
        elif (
            tag not in UNSEEN
            and attributes.get("class") != "tick"
            and not any(found.get("id") == "credit" for _, found in self.open)
        ):
            self.plain.append(text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.plain).split())


def leaves(value: object) -> Iterator[object]:
    """Each value of a report; of a mapping its names, too."""
    if isinstance(value, Mapping):
        yield from value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else None
    if inner is None:
        yield value
    for each in inner or ():
        yield from leaves(each)


def numbers_that_are_not_of(report: Mapping[str, Any], text: str) -> list[str]:
    """Numbers on a page that are none of the report: neither its rounded value, nor one that a text of it spells."""
    read, found = Reader(text), list(leaves(report))
    values = {float(each) for each in found if isinstance(each, int | float)}
    spelled = {number for each in found if isinstance(each, str) for number in NUMBER.findall(each)}
    said = read.text
    for words in CONVENTION:
        said = said.replace(words, "")
    strange = [number for number in NUMBER.findall(said) if number not in spelled]
    return strange + [shown for value, shown in read.data if value not in values or not is_rounded(value, shown)]


def is_rounded(value: float, shown: str) -> bool:
    """Whether the text is the value, or 100 times the value, to the digits that it shows."""
    number = float(re.sub(r"[^\d.−]", "", shown).replace("−", "-"))
    digits = len(shown.partition(".")[2].rstrip("\u00a0 %s")) if "." in shown else 0
    return any(abs(scaled - number) <= 0.5 * 10**-digits + 1e-9 for scaled in (value, 100 * value))
