"""AHRQ's Clinical Classifications Software (CCS) for ICD-9-CM diagnoses, single level.

Its file is Appendix A, `AppendixASingleDX.txt`, at hcup-us.ahrq.gov/toolssoftware/ccs.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

UNKNOWN = "?"


class CcsCategories:
    """The category of each ICD-9-CM code, and of the beginning of one: the category of most codes that begin so.

    UCI's diagnoses are categories of three digits, but for diabetes. Raises ValueError when the text is not that of
    AHRQ's appendix.
    """

    def __init__(self, text: str) -> None:
        counts: dict[str, Counter[str]] = {}
        for code, category in _codes(text.splitlines()):
            for end in range(1, len(code) + 1):
                counts.setdefault(code[:end], Counter())[category] += 1
        if not counts:
            raise ValueError("there is no category with codes in the text: is it AHRQ's AppendixASingleDX.txt?")
        self._by_beginning = {beginning: counter.most_common(1)[0][0] for beginning, counter in counts.items()}

    def category(self, code: str) -> str:
        """Return the category of a code with or without its point; UNKNOWN when there is none."""
        return self._by_beginning.get(code.replace(".", ""), UNKNOWN)


def _codes(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield code and category. The line of a category begins with its number, those of its codes with spaces."""
    category = None
    for line in lines:
        words = line.split()
        if line[:1].isdigit():
            category = words[0]
        elif category is not None:
            yield from ((word, category) for word in words)


def read_ccs(path: Path) -> CcsCategories:
    """Return the categories in AHRQ's file."""
    return CcsCategories(path.read_text(encoding="latin-1"))
