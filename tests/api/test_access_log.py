"""A log that cannot be written loses lines, and nothing else."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator

import pytest

from api.access_log import LogOutput

LINE = json.dumps({"message": "x" * 100}) + "\n"
LINES = 1_000
SMALLEST_PIPE = 4096


@pytest.fixture
def pipe() -> Iterator[tuple[int, Callable[[], str]]]:
    """A descriptor that accepts one page, and a function that empties it."""
    outgoing, incoming = os.pipe()
    fcntl.fcntl(incoming, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    os.set_blocking(incoming, False)
    yield incoming, lambda: os.read(outgoing, 2**20).decode()
    os.close(outgoing)
    os.close(incoming)


def test_lines_that_do_not_fit_are_counted_and_the_log_resumes_with_a_whole_line(
    pipe: tuple[int, Callable[[], str]],
) -> None:
    descriptor, read = pipe
    output = LogOutput(descriptor)
    output.write(LINE * LINES)
    written = read()
    assert not written.endswith("\n"), "the last line is cut off"
    assert output.dropped == LINES - written.count("\n")
    output.write(LINE)
    assert read() == "\n" + LINE
    output.write(LINE)
    assert read() == LINE
    assert output.dropped == LINES - written.count("\n")


def test_a_line_that_was_cut_off_is_ended_once_writes_succeed(pipe: tuple[int, Callable[[], str]]) -> None:
    descriptor, read = pipe
    output = LogOutput(descriptor)
    output.write(LINE * LINES)
    dropped = output.dropped
    output.write(LINE * 3)
    assert output.dropped == dropped + 3
    read()
    output.write(LINE)
    assert read() == "\n" + LINE
