"""Real messages of services, and the advice that they lead to."""

import pytest

from readmit.stacks.diagnosis import KNOWN_CAUSES, STILL_STARTING, Diagnosis

MESSAGES = {
    "OSError: [Errno 98] Address already in use": "listens on its port",
    "listen tcp4 127.0.0.1:3000: bind: address already in use": "listens on its port",
    "OSError: [Errno 28] No space left on device": "disk is full",
    "[ERROR] [MY-012644] [InnoDB] Disk is full writing './ibdata1'": "disk is full",
    "RuntimeError: can't start new thread: Cannot allocate memory": "too little memory",
    "(1045, \"Access denied for user 'flows'@'10.0.0.3' (using password: YES)\")": "rejects its login",
    "botocore.exceptions.ClientError: (InvalidAccessKeyId) when calling PutObject": "rejects its login",
    "READMIT_SCHEDULE: not a cron expression": "setting is missing or invalid",
    "PREFECT_SERVER_API_AUTH_STRING is not set": "setting is missing or invalid",
    "readmit.core.errors.SchemaMismatch: raw_data_db: column batches.done_at is missing": "those of another version",
    "PermissionError: [Errno 13] Permission denied: '/var/lib/readmit'": "may not read or write",
    "httpx.ConnectError: [Errno 111] Connection refused": "cannot reach another service",
    "socket.gaierror: [Errno -3] Temporary failure in name resolution": "cannot reach another service",
    "readmit: StoreUnavailable: bucket raw at http://s3:8333": "cannot reach another service",
}


@pytest.mark.parametrize(("message", "advice"), MESSAGES.items())
def test_a_message_in_the_log_leads_to_an_advice(message: str, advice: str) -> None:
    assert advice in Diagnosis("ec2-api", "unhealthy", "just up ec2-api", log=("starting", message)).advice


def test_every_known_cause_has_a_message() -> None:
    given = {Diagnosis("api", "unhealthy", "just up api", log=(message,)).advice for message in MESSAGES}
    assert len(given) == len(KNOWN_CAUSES)


@pytest.mark.parametrize(
    ("diagnosis", "advice"),
    [
        (Diagnosis("api", "exited with code 137", "just up api", exit_code=137), "It was killed, by somebody or by"),
        (Diagnosis("api", "exited with code -9", "just local", exit_code=-9), "It was killed, by somebody or by"),
        (Diagnosis("api", "exited with code 143", "just up api", exit_code=143), "It was stopped: start it with"),
        (Diagnosis("api", STILL_STARTING, "just up api"), "It is still starting"),
        (Diagnosis("api", "unhealthy", "just up api", log=("who knows",)), "Its last log lines have the error"),
    ],
)
def test_without_a_known_message_the_exit_code_or_the_state_decides(diagnosis: Diagnosis, advice: str) -> None:
    assert diagnosis.advice.startswith(advice)


def test_an_advice_is_one_sentence_and_names_the_service_and_the_command() -> None:
    diagnosis = Diagnosis("ec2-api", "unhealthy", "just up ec2-api", log=("address already in use",))
    assert "READMIT_EC2_API_PORT" in diagnosis.advice
    full = Diagnosis("ec2-api", "unhealthy", "just up ec2-api", log=("No space left on device",))
    assert "`just up ec2-api`" in full.advice
    for _, advice in KNOWN_CAUSES:
        assert advice.count(". ") == 0
        assert advice.endswith(".")
