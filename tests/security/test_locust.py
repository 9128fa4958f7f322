"""Locust's web UI: no load without the login, and never with the API key to another host."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

import payloads
from readmit.containers.project import ROOT
from readmit.embedded.stack import free_ports

Record = Callable[[str, object], None]
EVIL = "http://evil.example"
PASSWORD = "a password of this test"
FORM = "application/x-www-form-urlencoded"
START_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Page:
    """Locust's web UI. `target`: host of the load; `thief`: host that the attacker wants."""

    address: str
    target: str
    thief: str
    stolen: list[str]

    def anonymous(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=60.0, trust_env=False)

    @contextmanager
    def operator(self) -> Iterator[httpx.Client]:
        with self.anonymous() as client:
            client.post("/login", data={"username": "admin", "password": PASSWORD})
            yield client

    def state(self) -> str:
        with self.anonymous() as client:
            state: str = client.get("/health").raise_for_status().json()["state"]
        return state

    def start(self, **overrides: str) -> dict[str, str]:
        return {"user_count": "1", "spawn_rate": "1", "host": self.target, **overrides}


def server(bodies: dict[str, bytes], requests: list[str]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(f"{self.path} {self.headers.get('X-API-Key')}")
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = bodies.get(self.path, b"{}")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    started = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=started.serve_forever, daemon=True).start()
    return started


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder, stolen, (port,) = tmp_path_factory.mktemp("locust"), list[str](), free_ports(1)
    rows = json.dumps(list(payloads.synthetic_payloads(5).rows)).encode()
    servers = [server({"/batches/1": rows}, []), server({}, stolen)]
    target, thief = (f"http://127.0.0.1:{stub.server_port}" for stub in servers)
    (folder / "password").write_text(PASSWORD)
    variables = {
        "LOCUST_HOST": target,
        "READMIT_SOURCE_URL": target,
        "READMIT_API_KEY": "the key",
        "READMIT_LOCUST_PASSWORD_FILE": str(folder / "password"),
    }
    command = [sys.executable, "-m", "locust", "--locustfile", "locust/locustfile.py", "--web-login"]
    options = ["--web-host", "127.0.0.1", "--web-port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, *options], env=os.environ | variables, cwd=ROOT, stdout=log, stderr=log)
        try:
            opened_page = Page(f"http://127.0.0.1:{port}", target, thief, stolen)
            _wait_until_up(process, opened_page, folder / "log")
            yield opened_page
        finally:
            process.terminate()
            process.wait(30)
            for stub in servers:
                stub.shutdown()


def _wait_until_up(process: subprocess.Popen[bytes], page: Page, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            assert page.state() == "ready"
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param(
            {"Content-Type": FORM}, 401, marks=pytest.mark.attack("unsigned request", "locust"), id="no login"
        ),
        pytest.param(
            {"Content-Type": FORM, "Host": "evil.example"},
            400,
            marks=pytest.mark.attack("foreign Host", "locust"),
            id="Host",
        ),
        pytest.param(
            {"Content-Type": FORM, "Origin": EVIL},
            403,
            marks=pytest.mark.attack("foreign Origin", "locust"),
            id="Origin",
        ),
        *(
            pytest.param(
                kind | {"Origin": origin},
                403,
                marks=pytest.mark.attack("cross-site simple POST", "locust"),
                id=f"{kind.get('Content-Type')} from {origin}",
            )
            for kind in ({"Content-Type": FORM}, {"Content-Type": "text/plain"}, {})
            for origin in (EVIL, "null", "http://127.0.0.1:1")
        ),
    ],
)
@pytest.mark.parametrize("path", ["/swarm", "/stop", "/stats/reset", "/user"])
def test_a_foreign_page_can_not_start_or_stop_a_load(
    page: Page, path: str, headers: dict[str, str], status: int, record_property: Record
) -> None:
    body = urlencode(page.start(host=page.thief))
    with page.anonymous() as client:
        response = client.post(path, content=body, headers=headers)
    record_property("answer", str(response.status_code))
    # A foreign host is rejected before the login check.
    assert response.status_code in {status, 403}
    assert (page.state(), page.stolen) == ("ready", [])


@pytest.mark.attack("foreign Origin", "locust")
def test_the_session_of_the_operator_is_not_valid_for_another_origin(page: Page, record_property: Record) -> None:
    with page.operator() as client:
        response = client.post("/swarm", data=page.start(), headers={"Origin": EVIL})
    record_property("answer", str(response.status_code))
    assert response.status_code == 403
    assert page.state() == "ready"


@pytest.mark.attack("changed load target", "locust")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/swarm", {"host": "THIEF"}),
        ("/swarm", {"locustfile": "/tmp/other.py"}),
        ("/swarm", {"web_login": "false"}),
        ("/user", {"user_class_name": "SingleUser", "host": "THIEF"}),
    ],
)
def test_the_load_and_its_key_can_not_be_sent_to_another_host(
    page: Page, path: str, body: dict[str, str], record_property: Record
) -> None:
    fields = {name: page.thief if value == "THIEF" else value for name, value in body.items()}
    with page.operator() as client:
        response = client.post(path, data=page.start(**fields)) if path == "/swarm" else client.post(path, json=fields)
    record_property("answer", str(response.status_code))
    assert response.status_code in (400, 403)
    assert (page.state(), page.stolen) == ("ready", [])


@pytest.mark.attack("unsigned request", "locust")
def test_every_route_requires_the_login(page: Page, record_property: Record) -> None:
    paths = ("/stats/report", "/stats/requests/csv", "/stats/requests_full_history/csv", "/stats/failures/csv")
    other_paths = ("/stats/requests", "/exceptions", "/exceptions/csv", "/tasks", "/logs", "/worker-count")
    with page.anonymous() as client:
        assert {client.get(path).status_code for path in (*paths, *other_paths)} == {401}
        index = client.get("/")
        assert (index.status_code, index.headers["location"]) == (302, "/login")
        rejected = client.post("/login", data={"username": "admin", "password": "guessed"})
        assert rejected.headers["location"] == "/login"
        assert client.get("/logs").status_code == 401
    record_property("answer", "401")


@pytest.mark.attack("preflight", "locust")
def test_a_preflight_from_another_origin_is_not_granted(page: Page, record_property: Record) -> None:
    headers = {"Origin": EVIL, "Access-Control-Request-Method": "POST"}
    with page.anonymous() as client:
        response = client.options("/swarm", headers=headers)
    record_property("answer", str(response.status_code))
    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("path", ["/", "/login", "/logs", "/absent"])
def test_responses_prevent_sniffing_and_framing_and_grant_no_origin(page: Page, path: str) -> None:
    with page.anonymous() as client:
        headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "frame-ancestors 'none'"
    assert headers["referrer-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


def test_the_session_cookie_is_restricted_to_its_own_site(page: Page) -> None:
    with page.anonymous() as client:
        cookie = client.post("/login", data={"username": "admin", "password": PASSWORD}).headers["set-cookie"]
    assert cookie.startswith("readmit_locust=")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_the_operator_starts_and_stops_a_load_on_the_fixed_host(page: Page) -> None:
    with page.operator() as client:
        origin = {"Origin": page.address}
        assert client.get("/").status_code == 200
        assert client.post("/swarm", data=page.start(run_time="20s"), headers=origin).json()["success"] is True
        assert page.state() in ("spawning", "running")
        assert client.post("/stop", headers=origin).json()["success"] is True
        while page.state() != "stopped":
            time.sleep(0.2)
        client.post("/stats/reset", headers=origin)


@pytest.mark.parametrize(
    ("option", "password", "message"),
    [("--web-login", "", "needs a password"), ("--expect-workers=1", "x", "start it with --web-login")],
)
def test_without_a_login_the_web_ui_does_not_start(option: str, password: str, message: str) -> None:
    (port,) = free_ports(1)
    variables = {"LOCUST_HOST": "http://127.0.0.1:1", "READMIT_LOCUST_PASSWORD": password}
    command = [sys.executable, "-m", "locust", "--locustfile", "locust/locustfile.py", option]
    options = ["--web-host", "127.0.0.1", "--web-port", str(port)]
    completed = subprocess.run(
        [*command, *options],
        env=os.environ | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert completed.returncode == 1
    assert message in completed.stderr
