"""Escaping of external text for Streamlit, which interprets nearly all text as Markdown."""

import re

JOINER = "\N{WORD JOINER}"
"""Invisible. Breaks up what Streamlit replaces after parsing despite backslashes: icons, emoji, bare web addresses."""
BREAKS = re.compile(r"[ \t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
"""Without the no-break space, which precedes a per cent sign."""
SPECIAL = re.compile(r"[\\`*_{}\[\]<>$~|&^]")
LINE_START = re.compile(r"^((?=[-+=#])|\d{1,9}(?=[.)](?:\s|$)))")
"""The start of a list, heading or rule."""
SHORTCODE = re.compile(r":(?=[\w+-]*:|[A-Za-z/])")
ADDRESS = re.compile(r"(?i)(www)(?=\.)|@")


def escape_markdown(text: str) -> str:
    """Return the text on one line, escaped so that no Markdown, icon, colour or formula in it takes effect."""
    line = BREAKS.sub(" ", text).strip(" ")
    escaped = LINE_START.sub(r"\1\\", SPECIAL.sub(r"\\\g<0>", line))
    return ADDRESS.sub(rf"\g<0>{JOINER}", SHORTCODE.sub(f":{JOINER}", escaped))
