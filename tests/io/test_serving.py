import json
from collections.abc import Callable

import pytest

from readmit.core.refusal import NotServed
from readmit.io.serving import reload_everywhere

Start = Callable[[Callable[[str], tuple[int, dict[str, str], bytes]]], str]


def serving(version: str) -> Callable[[str], tuple[int, dict[str, str], bytes]]:
    return lambda _: (200, {}, json.dumps({"version": version, "reloaded": True}).encode())


def test_every_api_confirms_the_version(answering: Start) -> None:
    urls = [answering(serving("7")), answering(serving("7"))]
    assert reload_everywhere(urls, "token", "7") == 2


def test_an_api_that_serves_another_version_is_named(answering: Start) -> None:
    good, stale = answering(serving("7")), answering(serving("6"))
    with pytest.raises(NotServed, match=f"{stale} serves version 6, production is version 7"):
        reload_everywhere([good, stale], "token", "7")


def test_an_api_that_refuses_or_is_away_is_named(answering: Start) -> None:
    with pytest.raises(NotServed, match="status 401: wrong token"):
        reload_everywhere([answering(lambda _: (401, {}, b"wrong token"))], "token", "7")
    with pytest.raises(NotServed, match="127.0.0.1:9"):
        reload_everywhere(["http://127.0.0.1:9"], "token", "7")
