"""The API's log: JSON lines with the request ID and no patient data."""

import asyncio
import json
import logging
import os
from datetime import UTC, datetime
from threading import Lock
from time import time

FLUSH_SECONDS = 0.5
MAX_BUFFERED_LINES = 500
"""Lines; a full buffer is written before the next flush is due."""
STANDARD_OUTPUT = 1
FIELDS = "fields"
"""The key in `extra` of a mapping that a log record adds to its line."""


class LogOutput:
    """The file descriptor of the log. Lines that cannot be written are dropped and counted.

    A full disk or a closed pipe must not fail the request that is logged, and logging resumes as soon as writes
    succeed. Nothing is buffered: Python's streams keep their buffer after a failed write and would fail again later,
    at the latest when the process exits.
    """

    def __init__(self, descriptor: int = STANDARD_OUTPUT) -> None:
        self._descriptor = descriptor
        self._lock = Lock()
        self._line_is_open = False
        self.dropped = 0

    def write(self, text: str) -> None:
        """Write whole lines; end a line that a full disk cut off first."""
        with self._lock:
            remaining = (f"\n{text}" if self._line_is_open else text).encode(errors="backslashreplace")
            try:
                while remaining:
                    written = os.write(self._descriptor, remaining)
                    self._line_is_open, remaining = remaining[written - 1 : written] != b"\n", remaining[written:]
            except OSError:
                self.dropped += remaining.removeprefix(b"\n").count(b"\n")


class JsonLines(logging.Formatter):
    """A formatter that writes each log record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON, with the fields that it was logged with, and the traceback as `trace`."""
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure_logging(output: LogOutput) -> None:
    """Send all logging of this process to the output, as JSON lines."""
    handler = logging.StreamHandler(output)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class RequestLog:
    """The access log: one line per request, written in batches, since a system call per request costs too much.

    For use in one event loop. A killed process loses the lines of the last half second.
    """

    def __init__(self, output: LogOutput | None = None) -> None:
        self.output = output or LogOutput()
        self._lines: list[str] = []
        self._second, self._stamp = 0, ""

    def record(self, request_id: str, method: str, route: str, status: int, seconds: float, version: str = "") -> None:
        """Add a line for an answered request. Only a validated request ID comes from the client.

        `version`: the version that predicted, empty when none did.
        """
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        predicted = f',"version":"{version}"' if version else ""
        self._lines.append(
            f'{{"at":"{self._now()}","level":"info","logger":"readmit.requests","request_id":"{request_id}",'
            f'"method":"{method}","route":"{route}","status":{status},"seconds":{seconds:.6f}'
            f"{predicted}}}\n"
        )
        if len(self._lines) == MAX_BUFFERED_LINES:
            self.flush()

    def flush(self) -> None:
        """Write the buffered lines."""
        lines, self._lines = self._lines, []
        if lines:
            self.output.write("".join(lines))

    def _now(self) -> str:
        """Return the time in milliseconds as ISO 8601; the part up to the second is formatted once per second."""
        now = time()
        second = int(now)
        if second != self._second:
            self._second, self._stamp = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._stamp}.{int((now - second) * 1000):03d}+00:00"
