"""Collect the results of the attack tests; `attack_table` writes them to docs/security.md."""

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.security.attack_table import RESULTS_VARIABLE


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        answer = dict(item.user_properties).get("answer")
        for mark in item.iter_markers("attack"):
            _append(*mark.args, passed=report.passed, answer=answer)
    return report


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        for item in session.items:
            for mark in item.iter_markers("attack"):
                _append(*mark.args, passed=None, answer=None)


def _append(attack: str, service: str, passed: bool | None, answer: object) -> None:
    if path := os.environ.get(RESULTS_VARIABLE):
        with Path(path).open("a") as file:
            file.write(json.dumps({"attack": attack, "service": service, "passed": passed, "answer": answer}) + "\n")
