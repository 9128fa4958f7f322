"""Text from outside, escaped for Streamlit, which reads nearly every text that it is given as Markdown."""

import re

JOINER = "\N{WORD JOINER}"
"""Invisible. Backslashes do not stop what Streamlit replaces after parsing: icons, emoji and bare web addresses."""
BREAKS = re.compile(r"[ \t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
"""Not the no-break space, which stands before a per cent sign."""
SPECIAL = re.compile(r"[\\`*_{}\[\]<>$~|&^]")
FIRST = re.compile(r"^((?=[-+=#])|\d{1,9}(?=[.)](?:\s|$)))")
"""Where a text would begin a list, a heading or a rule."""
SHORTCODE = re.compile(r":(?=[\w+-]*:|[A-Za-z/])")
ADDRESS = re.compile(r"(?i)(www)(?=\.)|@")


def escape_markdown(text: str) -> str:
    """Return the text such that Streamlit shows it as it is, in one line: no link, image, icon, colour or formula."""
    line = BREAKS.sub(" ", text).strip(" ")
    escaped = FIRST.sub(r"\1\\", SPECIAL.sub(r"\\\g<0>", line))
    return ADDRESS.sub(rf"\g<0>{JOINER}", SHORTCODE.sub(f":{JOINER}", escaped))
