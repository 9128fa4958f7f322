"""The users: who asks for one encounter, who posts a batch, and a person at the page.

`locust -f locust/locustfile.py --web-login` shows them on Locust's own page; `just load` makes its loads with them.
"""

import json
import random
from collections.abc import Callable
from typing import Any, ClassVar

import gevent
from locust import FastHttpUser, events, task
from locust.exception import StopTest

import page_security
import payloads
import target
from errors import LoadRefused
from many_connections import stay_open_above_1023
from payloads import Payloads, as_csv
from response_checks import fault_of_batch, fault_of_model, fault_of_prediction, fault_of_state

JSON, CSV = "application/json", "text/csv"
BATCH_ROWS = 300
BATCH_BODIES = 20
"""So many of each format are made beforehand: making one takes longer than posting it."""

Check = Callable[[bytes], str | None]

stay_open_above_1023()


class ApiUser(FastHttpUser):
    """Has a connection of its own, and makes one request in a while: its cycle is a wait and an answer."""

    abstract = True
    concurrency = 1
    connection_timeout = 10.0
    network_timeout = 30.0
    max_redirects = 0
    """Whoever answers for another host is not followed there."""
    waits: ClassVar[tuple[float, float]] = (4.0, 6.0)
    """Least and most seconds between an answer and the next request."""
    own_headers: ClassVar[dict[str, str]] = {}

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        try:
            target.of_ours(str(self.host))
        except LoadRefused as error:
            raise StopTest(str(error)) from error
        # There are no cookies here, and looking for them takes longer than the rest.
        self.client.client.cookiejar = None

    @classmethod
    def mean_wait(cls) -> float:
        """Seconds."""
        return sum(cls.waits) / 2

    def wait_time(self) -> float:
        return random.uniform(*self.waits)

    def on_start(self) -> None:
        # Those who come in the same second would ask in the same second, for ever.
        gevent.sleep(random.uniform(0, self.mean_wait()))

    def ask(self, method: str, path: str, check: Check, body: str | None = None, kind: str = JSON) -> None:
        """One request. It fails unless the answer is 200 and what the contract says."""
        told = {"Accept": JSON, "Accept-Encoding": "identity", **self.own_headers}
        if body is not None:
            told["Content-Type"] = kind
        with self.client.request(method, path, data=body, headers=told, catch_response=True) as answer:
            if answer.status_code == 200:
                if fault := check(answer.content):
                    answer.failure(fault)
            elif answer.status_code:
                answer.failure(f"status {answer.status_code}")


class SingleUser(ApiUser):
    """Asks for one encounter at a time."""

    weight = 20
    bodies: ClassVar[list[str]] = []

    @task
    def predict(self) -> None:
        self.ask("POST", "/predict", fault_of_prediction, random.choice(self.bodies))


class PageUser(ApiUser):
    """A person: looks whether all is well and what is served, and asks why as often as what."""

    weight = 4
    bodies: ClassVar[list[str]] = []

    @task(1)
    def state(self) -> None:
        self.ask("GET", "/health", fault_of_state)

    @task(1)
    def model(self) -> None:
        self.ask("GET", "/model", fault_of_model)

    @task(4)
    def explained(self) -> None:
        self.ask("POST", "/predict?explain=true", fault_of_prediction, random.choice(self.bodies))


class BatchUser(ApiUser):
    """Posts some hundred encounters at once, as JSON or as CSV."""

    weight = 1
    bodies: ClassVar[list[tuple[str, str]]] = []

    @task
    def predict_batch(self) -> None:
        kind, body = random.choice(self.bodies)
        self.ask("POST", "/predict_batch", lambda told: fault_of_batch(told, BATCH_ROWS), body, kind)


USERS: tuple[type[ApiUser], ...] = (SingleUser, PageUser, BatchUser)


def give(found: Payloads) -> None:
    """From now on the users post these, with the API's key if one is set. Refused: it can't be read."""
    ApiUser.own_headers = target.headers()
    chance = random.Random(payloads.SEED)
    batches = [found.some(BATCH_ROWS, chance) for _ in range(BATCH_BODIES)]
    SingleUser.bodies = PageUser.bodies = list(found.singles)
    BatchUser.bodies = [(JSON, json.dumps(rows)) for rows in batches]
    BatchUser.bodies += [(CSV, as_csv(rows)) for rows in batches]


def _give_the_sources(environment: Any, **_: object) -> None:
    """On Locust's own page: the source's rows, or Locust ends."""
    if environment.web_ui is not None:
        page_security.secure(environment.web_ui, target.page_password())
    give(payloads.of_source(target.source()))


events.init.add_listener(_give_the_sources)
