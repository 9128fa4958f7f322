"""Every client of our own services connects to them directly, whatever proxies and certificates the shell names."""

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from readmit.core.errors import SourceUnavailable
from readmit.core.pushed_metrics import PushedGauge, PushedGroup
from readmit.io.api_reload import reload_all
from readmit.io.health_probe import probe_latency_ms
from readmit.io.object_store import Bucket
from readmit.io.pushgateway import push
from readmit.io.registry.mlflow_server import create_client
from readmit.io.registry.rest_client import RestClient
from readmit.io.source_client import SourceEndpoint, fetch_state
from tests.embedded import proxy_recorder
from ui.api_client import ApiClient
from ui.batch_source import BatchSource

StubServer = Callable[[Callable[[str], tuple[int, dict[str, str], bytes]]], str]
ROOT = Path(__file__).parents[2]
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
BODIES = {
    "/health": {"source": "uci", "rows": 1, "batches": 1, "released": 1, "exhausted": False, "status": "ok"}
    | {"model_loaded": True, "model_version": "7", "reload_failure": None},
    "/batches": [],
    "/reload_model": {"version": "7"},
    "/api/2.0/mlflow/experiments/get-by-name": {"experiment": {"experiment_id": "1", "name": "readmit"}},
}
CLIENTS: dict[str, Callable[[str], object]] = {
    "data API": lambda url: fetch_state(SourceEndpoint(url)),
    "reload": lambda url: reload_all([url], "token", "7"),
    "health probe": lambda url: probe_latency_ms(f"{url}/health", 10.0),
    "MLflow by REST": lambda url: RestClient(url).get("experiments/get-by-name", experiment_name="readmit"),
    "MLflow's own": lambda url: create_client(url).get_experiment_by_name("readmit"),
    "Pushgateway": lambda url: push(url, [PushedGroup({}, {PushedGauge("batch", "A batch."): {(): 3}}, False)]),
    "page to API": lambda url: ApiClient(url, None).health(),
    "page to data API": lambda url: BatchSource(url, None, None).batches(),
}


@pytest.fixture(params=["a proxy that blocks all", "SOCKS", "an unknown kind of proxy"])
def proxy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the variables of a proxy, which gets no request, and of certificate files that do not exist."""
    with proxy_recorder.record_requests() as (variables, requests):
        address = {"SOCKS": "socks5://127.0.0.1:9", "an unknown kind of proxy": "nonsense://127.0.0.1:9"}
        for name in [form for proxy in PROXIES for form in (proxy, proxy.upper())]:
            monkeypatch.setenv(name, "" if "no_" in name.lower() else address.get(request.param, variables[name]))
        for name in CERTIFICATES:
            monkeypatch.setenv(name, "/nonexistent")
        yield
        assert requests == [], "a request to the proxy"


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_reaches_its_service_without_the_proxy_of_the_shell(client: str, stub_server: StubServer) -> None:
    paths = list[str]()

    def respond(path: str) -> tuple[int, dict[str, str], bytes]:
        paths.append(path.partition("?")[0])
        return 200, {"Content-Type": "application/json"}, json.dumps(BODIES.get(paths[-1], {})).encode()

    CLIENTS[client](stub_server(respond))
    assert len(paths) == 1


@pytest.mark.usefixtures("proxy")
def test_the_s3_client_reaches_its_server_without_the_proxy_of_the_shell(stub_server: StubServer) -> None:
    paths = list[str]()

    def respond(path: str) -> tuple[int, dict[str, str], bytes]:
        paths.append(path)
        return 200, {}, b"content"

    assert Bucket("raw", stub_server(respond), "user", "secret").get("name") == b"content"
    assert paths == ["/raw/name"]


def test_a_data_api_on_a_public_network_is_reached_by_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy_recorder.record_requests() as (variables, requests):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SourceUnavailable):
            fetch_state(SourceEndpoint("https://source.example.org:5001"))
    assert requests == ["CONNECT source.example.org:5001 HTTP/1.1"]


@pytest.mark.parametrize("proxy", ["socks5://user:hush@127.0.0.1:9", "nonsense://user:hush@127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_an_error_without_its_password(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    with pytest.raises(SourceUnavailable, match="HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE") as raised:
        fetch_state(SourceEndpoint("https://source.example.org:5001"))
    assert "hush" not in str(raised.value)


def test_every_http_client_decides_about_the_variables_of_the_shell() -> None:
    """httpx reads them unless `trust_env` is given; a download to this machine from UCI is meant to."""
    undecided = [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for folder in ("src", "api", "ui", "ec2_api", "flows", "k3s", "locust", "tools")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in {f"httpx.{name}" for name in ("get", "post", "request", "stream", "Client")}
        and "trust_env" not in {keyword.arg for keyword in call.keywords}
    ]
    assert [place.partition(":")[0] for place in undecided] == ["ec2_api/download.py"]
