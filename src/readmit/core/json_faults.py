"""What is wrong with a text that is not JSON, in plain words, from where Python's decoder stopped."""

import re

ENDS_EARLY = "the content ends before the value is complete: a bracket or a value is missing"
UNCLOSED_TEXT = "a text has no closing double quote"
SINGLE_QUOTE = "a single quote: text is written in double quotes"
TYPOGRAPHIC_QUOTE = "a typographic quote: text is written in straight double quotes"
COMMENT = "a comment: JSON has no comments"
TRAILING_COMMA = "a comma before a closing bracket"
MISSING_VALUE = "a value is missing"
MISSING_COLON = "a colon is missing after the name of a field"
MISSING_COMMA = "a comma is missing, or a double quote within a text has no backslash before it"
UNQUOTED_NAME = "the name of a field is not in double quotes"
UNQUOTED_TEXT = "a text is not in double quotes"
DECIMAL_COMMA = "a number in place of the name of a field: decimals are written with a point"
LEADING_ZERO = "a number with a leading zero"
NUMBER = "a malformed number: write it like 5, -5 or 0.5"
ESCAPE = r"an unknown escape in a text: write a backslash as \\"
UNICODE_ESCAPE = r"an escape \u in a text without four hexadecimal digits"
TAB = r"a tab within a text: write it as \t"
LINE_BREAK = r"a line break within a text: close the text before it, or write it as \n"

CHARACTERS = {
    "": ENDS_EARLY,
    "'": SINGLE_QUOTE,
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u00ab\u00bb", TYPOGRAPHIC_QUOTE),
    "/": COMMENT,
    "#": COMMENT,
}
"""The fault by the character at which the decoder stopped, where that is enough."""
LITERALS = {
    **dict.fromkeys(("true", "false"), "true and false are written in lower case"),
    **dict.fromkeys(("none", "null", "nan", "na", "undefined", "nil"), "a value that was not recorded is written null"),
}
IDENTIFIER = re.compile(r"\w+")
BLANKS = " \t\n\r"


def syntax_fault(text: str, at: int, reason: str) -> tuple[int, str]:
    """Return the offset and the description of a fault. `at`, `reason`: where and why the decoder stopped."""
    if reason.startswith("Unterminated string"):
        return at, UNCLOSED_TEXT
    if reason.startswith("Invalid control character"):
        return at, _control_character(text[at])
    if reason.startswith("Invalid \\u"):
        return at, UNICODE_ESCAPE
    if reason.startswith("Invalid \\"):
        return at, ESCAPE
    rest = text[at:].lstrip(BLANKS)
    if reason.startswith("Illegal trailing comma"):
        return at, TRAILING_COMMA
    at = len(text) - len(rest)
    before = text[:at].rstrip(BLANKS)
    if rest[:1] in ("}", "]") and before.endswith(","):
        return len(before) - 1, TRAILING_COMMA
    return at, CHARACTERS.get(rest[:1]) or _misplaced(text, at, reason)


def _misplaced(text: str, at: int, reason: str) -> str:
    """Return the fault of a character that is allowed elsewhere."""
    character, word = text[at], IDENTIFIER.match(text, at)
    if reason.startswith("Expecting ','"):
        return _after_value(text, at)
    if reason.startswith("Expecting ':'"):
        return MISSING_COLON
    if character in "+.-":
        return NUMBER
    if word and word[0].lower() in LITERALS:
        return LITERALS[word[0].lower()]
    if reason.startswith("Expecting property name"):
        return _name_fault(character, word is not None)
    if word:
        return UNQUOTED_TEXT
    return MISSING_VALUE if character in ",:}]" else _unexpected(character)


def _after_value(text: str, at: int) -> str:
    """Return the fault of a character directly after a value, where a comma or a closing bracket belongs."""
    character, before = text[at], text[at - 1]
    if character.isdigit() and before == "0":
        return LEADING_ZERO
    if before.isdigit() and (character == "." or character.isalpha()):
        return NUMBER
    return MISSING_COMMA if character in '"{[' or character.isalnum() else _unexpected(character)


def _name_fault(character: str, is_word: bool) -> str:
    if character.isdigit():
        return DECIMAL_COMMA
    return UNQUOTED_NAME if is_word else _unexpected(character)


def _control_character(character: str) -> str:
    if character in "\r\n":
        return LINE_BREAK
    return TAB if character == "\t" else f"the control character U+{ord(character):04X} within a text"


def _unexpected(character: str) -> str:
    shown = repr(character) if character.isascii() and character.isprintable() else f"U+{ord(character):04X}"
    return f"the character {shown} does not belong here"
