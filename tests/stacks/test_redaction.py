"""No secret, in any form, and no number of a patient or an encounter is left in a text."""

import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from readmit.core.encounter import ENCOUNTER, PATIENT
from readmit.stacks.redaction import ID_FIELDS, Redactor, secret_values, secrets_of

SECRET = 'p/ss"wörd+7f'
REDACTOR = Redactor(secrets_of([SECRET, "me", "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqG\n"]))


def test_the_fields_are_those_of_an_encounter() -> None:
    assert set(ID_FIELDS) == {ENCOUNTER, PATIENT}


@pytest.mark.parametrize(
    "form", [SECRET, quote(SECRET, safe=""), json.dumps(SECRET), b64encode(SECRET.encode()).decode()]
)
def test_a_secret_is_masked_in_each_form_in_which_it_is_sent_or_stored(form: str) -> None:
    text = REDACTOR.redact(f"login {form}, again:{form}")
    assert form.strip('"') not in text
    assert "login" in text


def test_each_line_of_a_private_key_is_a_secret() -> None:
    assert "MIGHAgEAMBMGByqG" not in REDACTOR.redact("key MIGHAgEAMBMGByqG")


def test_a_short_secret_is_masked_as_a_word_and_leaves_other_words_readable() -> None:
    assert REDACTOR.redact("user me, time, memory") == "user ***, time, memory"


def test_a_password_in_an_address_is_masked_even_if_it_is_unknown() -> None:
    assert REDACTOR.redact("mysql://ana:unknown@db.example:3306") == "mysql://ana:***@db.example:3306"


@pytest.mark.parametrize(
    "text",
    [
        "encounter 2278392 failed",
        '{"patient_nbr":135}',
        "'encounter_id': '12522'",
        "patient_nbr=135",
        "Duplicate entry '8222157' for key",
        "patient_8222157",
        "id8222157",
        "encounter.8222157",
        "8222157,Caucasian,Female",
    ],
)
def test_a_number_of_a_patient_or_an_encounter_is_masked(text: str) -> None:
    redacted = REDACTOR.redact(text)
    assert not any(number in redacted for number in ("2278392", "135", "12522", "8222157"))


def test_times_ports_versions_and_hashes_stay_readable() -> None:
    text = "2026-10-01T09:30:00.123456+00:00 http://127.0.0.1:8000 v2.40.3 3f5a81234567be02 0.693147 1,234,567 rows"
    assert REDACTOR.redact(text) == text


def test_secrets_of_variables_are_recognized_by_the_names() -> None:
    variables = {
        **{"READMIT_RELOAD_TOKEN": "a", "AWS_SECRET_ACCESS_KEY": "b", "READMIT_KEY_SECRET": "c"},
        **{"PREFECT_API_AUTH_STRING": "d", "cookie_secret": "e", "WEED_JWT_FILER_SIGNING_READ_KEY": "f"},
        **{"READMIT_SECRETS": "/folder", "READMIT_API_KEY_FILE": "/file", "READMIT_API_KEY": "", "PATH": "/bin"},
    }
    assert sorted(secret_values(variables)) == ["a", "b", "c", "d", "e", "f"]
