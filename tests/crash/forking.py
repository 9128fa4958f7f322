"""A process that has loaded all that a day needs, and forks: each child is `readmit`, without seconds of loading.

A line of JSON on its standard input starts a run, or waits for the end of one; the answer is a number on a line.
"""

import importlib
import itertools
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from typing import Any, NoReturn

import matplotlib.backends.backend_agg  # noqa: F401 - what draws the pictures is loaded with the first one

from readmit import attempt, cli
from readmit.pipeline import STEPS

HUNG_AFTER_SECONDS = 180
Asked = Mapping[str, Any]


def main() -> None:
    for step in STEPS:
        importlib.import_module(f"readmit.steps.{step.name}")
    if threading.active_count() > 1:
        raise RuntimeError("a thread runs: its locks would stay closed for ever in a child")
    for line in sys.stdin:
        asked = json.loads(line)
        print(_end_of(asked["pid"]) if "pid" in asked else _start(asked), flush=True)


def _end_of(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _start(asked: Asked) -> int:
    pid = os.fork()
    if pid == 0:
        _run(asked)
    return pid


def _run(asked: Asked) -> NoReturn:
    code = 70
    try:
        _be_a_process_of_its_own(asked["log"])
        os.environ.update(asked["variables"])
        attempt.LEASE_SECONDS, attempt.RENEW_SECONDS = asked["lease_seconds"], asked["lease_seconds"] / 4
        if asked["place"]:
            _die_at(**asked["place"])
        code = cli.main(asked["arguments"])
    except BaseException:  # noqa: BLE001 - the outermost boundary of a process
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _be_a_process_of_its_own(log: str) -> None:
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, written), (2, written)):
        os.dup2(file, number)
    # Its default action ends the process: a run that hangs fails its test.
    signal.alarm(HUNG_AFTER_SECONDS)


def _die_at(when: str, target: str, call: int, holding: str) -> None:
    """This process kills itself at a call of a function: `before` it, `after` it, or `half` way through what it sends.

    `target`: module:function or module:class.method. `call`: which one counts, from 1, among those that have an
    argument that holds a text.
    """
    owner, name = _owner_of(target)
    original, calls = getattr(owner, name), itertools.count(1)

    def dying(*args: Any, **kwargs: Any) -> Any:
        if not any(_holds(argument, holding) for argument in (*args, *kwargs.values())) or next(calls) != call:
            return original(*args, **kwargs)
        if when == "half":
            connection, content = args
            original(connection, content[: len(content) // 2])
        elif when == "after":
            original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("it lives")

    setattr(owner, name, dying)


def _owner_of(target: str) -> tuple[Any, str]:
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    return owner, name


def _holds(argument: object, text: str) -> bool:
    if isinstance(argument, bytes):
        return argument.startswith(text.encode())
    return not text or (isinstance(argument, str) and text in argument)


if __name__ == "__main__":
    main()
