"""Removal of secrets and of the numbers of patients and encounters from a text that leaves the machine.

A number without the name of its field is removed from five digits on: a shorter one may be any number.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

MASK, NUMBER_MASK = "***", "(number)"
SECRET_NAME = re.compile(
    r"(SECRET|PASSWORD|TOKEN|CREDENTIALS|AUTH_STRING|ACCESS_KEY(_ID)?|API_KEY|SECRET_KEY|SIGNING_(READ_)?KEY)$",
    re.IGNORECASE,
)
"""Names of variables that hold a secret."""
ID_FIELDS = ("encounter_id", "patient_nbr")
"""The fields that identify encounters and patients (readmit.core.encounter)."""
NAMED_ID = re.compile(rf"({'|'.join(ID_FIELDS)})(\W{{1,4}})\d+", re.IGNORECASE)
LONG_NUMBER = re.compile(r"((?<![0-9a-f])|(?<=[g-z][a-f]))(?<!\d\.)\d{5,}(?![0-9a-f])", re.IGNORECASE)
"""A number that may be such an ID without its name. Digits of a hash or of a fraction are none."""
URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^@\s/]+@")
MIN_INNER_LENGTH = 6
"""A shorter secret is masked as a whole word only: as part of other words it would leave nothing readable."""


@dataclass(frozen=True, slots=True)
class Redactor:
    """A redactor of known secrets."""

    secrets: frozenset[str]

    def redact(self, text: str) -> str:
        """Return the text without secrets, in any of their encodings, without passwords in URLs, and without IDs."""
        for form in sorted(set(self._forms()), key=len, reverse=True):
            text = _replace(text, form)
        text = URL_PASSWORD.sub(rf"\1{MASK}@", text)
        return LONG_NUMBER.sub(NUMBER_MASK, NAMED_ID.sub(rf"\1\2{NUMBER_MASK}", text))

    def _forms(self) -> Iterator[str]:
        """Yield each secret as it is, and as it is written in URLs, in JSON and in HTTP headers."""
        for secret in self.secrets:
            yield from (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], b64encode(secret.encode()).decode())


def secret_values(variables: Mapping[str, str]) -> Iterator[str]:
    """Yield the values of the variables that hold a secret, according to their names."""
    yield from (value for name, value in variables.items() if SECRET_NAME.search(name) and value)


def secrets_of(*sources: Iterable[str]) -> frozenset[str]:
    """Return all secrets of some sources; each line of a text with several lines counts, as in a private key."""
    lines = (line.strip() for source in sources for value in source for line in value.splitlines())
    return frozenset(line for line in lines if line)


def _replace(text: str, secret: str) -> str:
    if len(secret) >= MIN_INNER_LENGTH:
        return text.replace(secret, MASK)
    return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
