"""What the API writes down: a line of JSON each, with the request's id and nothing of a patient."""

import asyncio
import json
import logging
import os
from datetime import UTC, datetime
from threading import Lock
from time import time

FLUSH_SECONDS = 0.5
FULL = 500
"""Lines that are written before their time."""
STANDARD_OUTPUT = 1


class LogOutput:
    """The file descriptor that the log goes to. Lines that it does not take are dropped and counted.

    A full disk or a reader that is gone must not fail the request that is logged, and the log goes on by itself once
    there is room again. Nothing is buffered: what Python's own streams keep after a failed write would fail later,
    at the latest when the process ends.
    """

    def __init__(self, descriptor: int = STANDARD_OUTPUT) -> None:
        self._descriptor = descriptor
        self._lock = Lock()
        self._cut = False
        self.dropped = 0

    def write(self, text: str) -> None:
        """Write whole lines; a line that was cut by a full disk is ended first."""
        with self._lock:
            rest = (f"\n{text}" if self._cut else text).encode(errors="backslashreplace")
            try:
                while rest:
                    written = os.write(self._descriptor, rest)
                    self._cut, rest = rest[written - 1 : written] != b"\n", rest[written:]
            except OSError:
                self.dropped += rest.removeprefix(b"\n").count(b"\n")


class JsonLines(logging.Formatter):
    """Each record of Python's logging as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def to(output: LogOutput) -> None:
    """From now on all that this process logs goes to the output, in lines of JSON."""
    handler = logging.StreamHandler(output)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class Requests:
    """One line for each request, written a handful at a time: a system call for each would cost more than its answer.

    Within one event loop. What a killed process had not written yet, of the last half second, is lost.
    """

    def __init__(self, output: LogOutput | None = None) -> None:
        self.output = output or LogOutput()
        self._lines: list[str] = []
        self._second, self._stamp = 0, ""

    def note(self, request_id: str, method: str, route: str, status: int, seconds: float) -> None:
        """Notes a request that was answered. Nothing here comes from the caller but a sane id."""
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._lines.append(
            f'{{"at":"{self._now()}","level":"info","logger":"readmit.requests","request_id":"{request_id}",'
            f'"method":"{method}","route":"{route}","status":{status},"ms":{seconds * 1000:.3f}}}\n'
        )
        if len(self._lines) == FULL:
            self.flush()

    def flush(self) -> None:
        """Writes what there is to write."""
        lines, self._lines = self._lines, []
        if lines:
            self.output.write("".join(lines))

    def _now(self) -> str:
        """To the millisecond; the part before it is made once a second."""
        now = time()
        second = int(now)
        if second != self._second:
            self._second, self._stamp = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._stamp}.{int((now - second) * 1000):03d}+00:00"
