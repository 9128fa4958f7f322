"""Which of the two stacks a command is for."""

import pytest

from readmit.containers import __main__ as containers
from readmit.containers import user_project
from readmit.embedded import local_stack
from readmit.stacks.__main__ import main


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> tuple[pytest.MonkeyPatch, list[str]]:
    """Record which stack a command is run on; neither is up, and no container exists."""
    calls: list[str] = []
    for module, name in ((containers, "containers"), (local_stack, "embedded")):
        monkeypatch.setattr(module, "main", lambda arguments, name=name: calls.append(f"{name}: {arguments[0]}") or 0)
    for module, function in ((user_project, "is_up"), (user_project, "exists"), (local_stack, "is_up")):
        monkeypatch.setattr(module, function, lambda: False)
    return monkeypatch, calls


@pytest.mark.parametrize("command", ["why", "report"])
def test_a_stack_that_is_down_can_be_diagnosed(
    command: str, stacks: tuple[pytest.MonkeyPatch, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch, calls = stacks
    assert main([command]) == 0
    monkeypatch.setattr(user_project, "exists", lambda: True)
    assert main([command]) == 0
    monkeypatch.setattr(local_stack, "is_up", lambda: True)
    assert main([command]) == 0
    monkeypatch.setattr(user_project, "is_up", lambda: True)
    assert main([command]) == 1, "two stacks are up"
    assert calls == [f"embedded: {command}", f"containers: {command}", f"embedded: {command}"]
    assert "two stacks are running" in capsys.readouterr().out


def test_the_status_needs_a_stack_that_is_up(
    stacks: tuple[pytest.MonkeyPatch, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 1
    assert stacks[1] == []
    assert "no stack is running" in capsys.readouterr().out
