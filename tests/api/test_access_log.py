"""A log that the disk does not take loses lines, and nothing else."""

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
    """A descriptor that takes one page and no more, and what empties it."""
    outgoing, incoming = os.pipe()
    fcntl.fcntl(incoming, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    os.set_blocking(incoming, False)
    yield incoming, lambda: os.read(outgoing, 2**20).decode()
    os.close(outgoing)
    os.close(incoming)


def test_lines_that_do_not_fit_are_counted_and_the_log_goes_on_with_a_whole_line(
    pipe: tuple[int, Callable[[], str]],
) -> None:
    descriptor, read = pipe
    output = LogOutput(descriptor)
    output.write(LINE * LINES)
    written = read()
    assert not written.endswith("\n"), "the last line is cut"
    assert output.dropped == LINES - written.count("\n")
    output.write(LINE)
    assert read() == "\n" + LINE
    output.write(LINE)
    assert read() == LINE
    assert output.dropped == LINES - written.count("\n")


def test_a_line_that_was_cut_is_ended_only_when_there_is_room(pipe: tuple[int, Callable[[], str]]) -> None:
    descriptor, read = pipe
    output = LogOutput(descriptor)
    output.write(LINE * LINES)
    dropped = output.dropped
    output.write(LINE * 3)
    assert output.dropped == dropped + 3
    read()
    output.write(LINE)
    assert read() == "\n" + LINE
