"""The simulated users: single predictions, batches, and a person at the UI.

`locust -f locust/locustfile.py --web-login` serves Locust's web UI with them; `just load` runs them headless.
"""

import json
import random
from collections.abc import Callable
from typing import ClassVar

import gevent
from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.exception import StopTest

import page_security
import payloads
import target
from errors import LoadRefused
from many_connections import use_poll_for_liveness
from payloads import Payloads, as_csv
from response_checks import batch_error, health_error, model_error, prediction_error

JSON, CSV = "application/json", "text/csv"
BATCH_ROWS = 300
BATCH_BODIES = 20
"""Bodies per format, built in advance: building one takes longer than posting it."""

Check = Callable[[bytes], str | None]

use_poll_for_liveness()


class ApiUser(FastHttpUser):
    """A user with one connection that alternates between a wait and a request."""

    abstract = True
    concurrency = 1
    connection_timeout = 10.0
    network_timeout = 30.0
    max_redirects = 0
    """Redirects are not followed: they could lead to another host."""
    waits: ClassVar[tuple[float, float]] = (4.0, 6.0)
    """Minimum and maximum seconds between a response and the next request."""
    auth_headers: ClassVar[dict[str, str]] = {}

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        try:
            target.require_own_api(str(self.host))
        except LoadRefused as error:
            raise StopTest(str(error)) from error
        # The API sets no cookies, and the cookie jar takes most of the time of a request.
        self.client.client.cookiejar = None

    @classmethod
    def mean_wait(cls) -> float:
        """Return the mean wait in seconds."""
        return sum(cls.waits) / 2

    def wait_time(self) -> float:
        """Return a random wait in seconds."""
        return random.uniform(*self.waits)

    def on_start(self) -> None:
        """Start at a random time, so that users spawned together do not send together."""
        gevent.sleep(random.uniform(0, self.mean_wait()))

    def send(self, method: str, path: str, check: Check, body: str | None = None, content_type: str = JSON) -> None:
        """Send one request; it fails unless the status is 200 and `check` returns no error."""
        headers = {"Accept": JSON, "Accept-Encoding": "identity", **self.auth_headers}
        if body is not None:
            headers["Content-Type"] = content_type
        with self.client.request(method, path, data=body, headers=headers, catch_response=True) as response:
            if response.status_code == 200:
                if error := check(response.content):
                    response.failure(error)
            elif response.status_code:
                response.failure(f"status {response.status_code}")


class SingleUser(ApiUser):
    """A client that predicts one encounter at a time."""

    weight = 20
    bodies: ClassVar[list[str]] = []

    @task
    def predict(self) -> None:
        """Predict one encounter."""
        self.send("POST", "/predict", prediction_error, random.choice(self.bodies))


class PageUser(ApiUser):
    """A person at the UI: checks the health and the model, and requests explanations."""

    weight = 4
    bodies: ClassVar[list[str]] = []

    @task(1)
    def health(self) -> None:
        """Check the health."""
        self.send("GET", "/health", health_error)

    @task(1)
    def model(self) -> None:
        """Read the model's description."""
        self.send("GET", "/model", model_error)

    @task(4)
    def predict_explained(self) -> None:
        """Predict one encounter with an explanation."""
        self.send("POST", "/predict?explain=true", prediction_error, random.choice(self.bodies))


class BatchUser(ApiUser):
    """A client that posts batches of BATCH_ROWS encounters as JSON or CSV."""

    weight = 1
    bodies: ClassVar[list[tuple[str, str]]] = []

    @task
    def predict_batch(self) -> None:
        """Predict a batch."""
        content_type, body = random.choice(self.bodies)
        self.send("POST", "/predict_batch", lambda content: batch_error(content, BATCH_ROWS), body, content_type)


USERS: tuple[type[ApiUser], ...] = (SingleUser, PageUser, BatchUser)


def set_payloads(source: Payloads) -> None:
    """Set what the users post, and the API key if configured. Raises LoadRefused when the key can't be read."""
    ApiUser.auth_headers = target.auth_headers()
    rng = random.Random(payloads.SEED)
    batches = [source.sample_rows(BATCH_ROWS, rng) for _ in range(BATCH_BODIES)]
    SingleUser.bodies = PageUser.bodies = list(source.singles)
    BatchUser.bodies = [(JSON, json.dumps(rows)) for rows in batches]
    BatchUser.bodies += [(CSV, as_csv(rows)) for rows in batches]


def _on_init(environment: Environment, **_: object) -> None:
    """Secure Locust's web UI and load the source's rows; an error ends Locust."""
    if environment.web_ui is not None:
        page_security.secure(environment.web_ui, target.page_password())
    set_payloads(payloads.of_source(target.row_source()))


events.init.add_listener(_on_init)
