"""The files of the package that a model card consists of: its items, and its texts by language."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from readmit.core.card.card_catalogue import CardCatalogue, parse_catalogue

FOLDER = Path(__file__).parents[1] / "core" / "card"
ITEMS_FILE, TEXTS_FILES = "card_items.toml", "card_texts.*.toml"


@cache
def load_catalogue() -> CardCatalogue:
    """Return the catalogue of the cards. The files belong to the package, so they are read once."""
    texts = {file.name.split(".")[1]: _read(file) for file in sorted(FOLDER.glob(TEXTS_FILES))}
    return parse_catalogue(_read(FOLDER / ITEMS_FILE), texts)


def _read(file: Path) -> Mapping[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))
