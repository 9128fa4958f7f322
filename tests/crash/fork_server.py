"""A process that has loaded all modules of a day, and forks: each child runs `readmit` without seconds of loading.

A line of JSON on standard input starts a run, or waits for one to exit; the response is a number on a line.
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

import matplotlib.backends.backend_agg  # noqa: F401 - loaded before the fork: the first plot would load it

from readmit import cli, step_attempt
from readmit.pipeline import STEPS

RUN_TIMEOUT_SECONDS = 180
Request = Mapping[str, Any]


def main() -> None:
    for step in STEPS:
        importlib.import_module(f"readmit.steps.{step.name}")
    if threading.active_count() > 1:
        raise RuntimeError("a thread runs: its locks would stay locked for ever in a child")
    for line in sys.stdin:
        request = json.loads(line)
        print(_wait_for(request["pid"]) if "pid" in request else _start(request), flush=True)


def _wait_for(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _start(request: Request) -> int:
    pid = os.fork()
    if pid == 0:
        _run(request)
    return pid


def _run(request: Request) -> NoReturn:
    code = 70
    try:
        _detach(request["log"])
        os.environ.update(request["variables"])
        step_attempt.LEASE_SECONDS, step_attempt.RENEW_SECONDS = request["lease_seconds"], request["lease_seconds"] / 4
        if request["kill_point"]:
            _kill_at(**request["kill_point"])
        code = cli.main(request["arguments"])
    except BaseException:  # noqa: BLE001 - the outermost boundary of a process
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _detach(log: str) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
        os.dup2(file, number)
    # The default action of the alarm terminates the process: a run that hangs fails its test.
    signal.alarm(RUN_TIMEOUT_SECONDS)


def _kill_at(when: str, target: str, call: int, argument_text: str) -> None:
    """Kill this process at a call of a function: `before` it, `after` it, or `half` way through what it sends.

    `target`: module:function or module:class.method. `call`: the number of the call, from 1, among those with an
    argument that contains a text.
    """
    owner, name = _owner_of(target)
    original, calls = getattr(owner, name), itertools.count(1)

    def killing(*args: Any, **kwargs: Any) -> Any:
        if not any(_matches(argument, argument_text) for argument in (*args, *kwargs.values())) or next(calls) != call:
            return original(*args, **kwargs)
        if when == "half":
            connection, content = args
            original(connection, content[: len(content) // 2])
        elif when == "after":
            original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("the process is still alive")

    setattr(owner, name, killing)


def _owner_of(target: str) -> tuple[Any, str]:
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for attribute in owners:
        owner = getattr(owner, attribute)
    return owner, name


def _matches(argument: object, text: str) -> bool:
    if isinstance(argument, bytes):
        return argument.startswith(text.encode())
    return not text or (isinstance(argument, str) and text in argument)


if __name__ == "__main__":
    main()
