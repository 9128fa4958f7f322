"""What the API writes down: a line of JSON each, with the request's id and nothing of a patient."""

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime
from time import time
from typing import TextIO

FLUSH_SECONDS = 0.5
FULL = 500
"""Lines that are written before their time."""


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


def to(stream: TextIO) -> None:
    """From now on all that this process logs goes to the stream, in lines of JSON."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class Requests:
    """One line for each request, written a handful at a time: a system call for each would cost more than its answer.

    Within one event loop. What a killed process had not written yet, of the last half second, is lost.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
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
            self._stream.write("".join(lines))
            self._stream.flush()

    def _now(self) -> str:
        """To the millisecond; the part before it is made once a second."""
        now = time()
        second = int(now)
        if second != self._second:
            self._second, self._stamp = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._stamp}.{int((now - second) * 1000):03d}+00:00"
