"""Why a service is not healthy: what is known of it, as `just why` prints it, with one sentence of advice."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console

KILLED_CODES, STOPPED_CODES = (137, -9), (0, 143, -15)
"""Exit codes after SIGKILL and after an orderly stop, of a container and of a process."""
NOT_STARTED = "not started"
STILL_STARTING = "starting"
"""The state of a service whose health check has not succeeded yet and may still fail."""
KNOWN_CAUSES = (
    (
        r"address already in use|port is already allocated|\[?Errno 98\]?",
        "Another program listens on its port: stop that program, or set READMIT_{setting}_PORT to another port.",
    ),
    (
        r"no space left on device|Errno 28|disk is full|disk full|no writable volumes",
        "The disk is full: free some space (`docker system df` shows what Docker uses), then start it with `{start}`.",
    ),
    (
        r"cannot allocate memory|Errno 12\]|MemoryError|out of memory",
        "There is too little memory for it: close other programs or raise its limit, then start it with `{start}`.",
    ),
    (
        r"access denied|authentication failed|InvalidAccessKeyId|SignatureDoesNotMatch|401 Unauthorized",
        "A server rejects its login: restore the secret that the server was set up with, or replace it with "
        "`just ops::rotate NAME`.",
    ),
    (
        r"READMIT_\w+: |(READMIT|PREFECT|MLFLOW)_\w+ is not set",
        "A setting is missing or invalid: correct the one that its log names in .env, then start it with `{start}`.",
    ),
    (
        r"SchemaMismatch|do not match the schema|Can't locate revision",
        "The tables are those of another version: `just up` migrates older ones, and newer ones need the newer code.",
    ),
    (
        r"permission denied|Read-only file system|Errno 13\]",
        "It may not read or write a file that its log names: correct the owner or the mode of that file.",
    ),
    (
        r"connection refused|name or service not known|failure in name resolution|no route to host|timed out"
        r"|\w+Unavailable\b",
        "It cannot reach another service that its log names: `just why` without a name shows which one is not healthy.",
    ),
)
"""Patterns of messages in a log, most specific first, and what to do. `{setting}` and `{start}` are filled in."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is known of a service that is not healthy.

    `state`: for people; `exit_code`: None while it runs; `error`: the engine's, empty if none; `waits_for`: services
    that it needs and that are not ready; `health_check`, `log`: the last output, as lines; `start`: the command that
    starts it.
    """

    service: str
    state: str
    start: str
    exit_code: int | None = None
    out_of_memory: bool = False
    error: str = ""
    waits_for: Sequence[str] = ()
    health_check: Sequence[str] = ()
    log: Sequence[str] = ()

    @property
    def advice(self) -> str:
        """What to do, in one sentence."""
        if self.out_of_memory:
            return f"It exceeded its memory limit: raise its mem_limit in compose/, then start it with `{self.start}`."
        if self.state == NOT_STARTED:
            return f"It was not started: start it with `{self.start}`."
        if self.waits_for:
            first = self.waits_for[0].partition(" ")[0]
            return f"It starts when {first} is ready: `just why {first}` shows what is wrong there."
        if cause := self._known_cause():
            return cause
        if self.exit_code in KILLED_CODES:
            return (
                "It was killed, by somebody or by the kernel because the machine ran out of memory (`dmesg` shows it): "
                f"start it with `{self.start}`."
            )
        if self.exit_code in STOPPED_CODES:
            return f"It was stopped: start it with `{self.start}`."
        if self.state == STILL_STARTING:
            return "It is still starting: wait until its health check succeeds, or fails for good."
        return (
            "Its last log lines have the error; if they do not help, `just ops::report` collects what a report needs."
        )

    def _known_cause(self) -> str | None:
        """Return the advice for the first known cause in the engine's error or the log.

        The output of the health check is not searched: a service that does not listen refuses connections, too.
        """
        text, setting = "\n".join((self.error, *self.log)), self.service.upper().replace("-", "_")
        for pattern, advice in KNOWN_CAUSES:
            if re.search(pattern, text, re.IGNORECASE):
                return advice.format(setting=setting, start=self.start)
        return None

    def lines(self) -> list[str]:
        """Return the diagnosis as lines of text."""
        parts = [f"{self.service}: {self.state}"]
        if self.error:
            parts.append(f"  error         {self.error}")
        if self.waits_for:
            parts.append(f"  waits for     {', '.join(self.waits_for)}")
        parts += [f"  health check  {line}" for line in self.health_check]
        parts += [f"  log           {line}" for line in self.log]
        return [*parts, f"  advice        {self.advice}"]


def print_diagnoses(diagnoses: Iterable[Diagnosis], terminal: Console) -> None:
    """Print diagnoses, one after the other."""
    for diagnosis in diagnoses:
        terminal.print("\n".join(diagnosis.lines()), markup=False, soft_wrap=True)
