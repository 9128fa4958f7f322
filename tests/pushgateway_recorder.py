"""A Pushgateway in this process that records each push, and keeps what is pushed as the real one does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client.parser import text_string_to_metric_families

Series = dict[tuple[str, ...], float]
"""Values by metric name and label values."""


@dataclass
class PushgatewayRecorder:
    """`pushes`: method, path and content type; `groups`: by path, the series of each metric. `status`: of responses."""

    status: int = 200
    url: str = ""
    pushes: list[tuple[str, str, str]] = field(default_factory=list)
    groups: dict[str, dict[str, Series]] = field(default_factory=dict)

    def receive(self, method: str, path: str, content_type: str, body: str) -> None:
        assert body.endswith("\n"), "the text format requires a line break at the end"
        self.pushes.append((method, path, content_type))
        families: dict[str, Series] = {}
        for family in text_string_to_metric_families(body):
            families[family.name] = {(sample.name, *sample.labels.values()): sample.value for sample in family.samples}
        if self.status == 200:
            # PUT replaces the whole group, POST the metrics of the same names.
            self.groups[path] = families if method == "PUT" else {**self.groups.get(path, {}), **families}

    def series(self, path: str = "/metrics/job/flows") -> Series:
        """Return the series of a group; without a path that of the day."""
        return {key: value for series in self.groups.get(path, {}).values() for key, value in series.items()}

    def step(self, name: str) -> dict[str, float]:
        """Return the values of a step's group by metric, without the prefix that all have."""
        series = self.series(f"/metrics/job/flows/step/{name}")
        return {key[0].removeprefix("readmit_step_"): value for key, value in series.items()}


@contextmanager
def recording_pushgateway(status: int = 200) -> Iterator[PushgatewayRecorder]:
    """Run a Pushgateway until the block ends."""
    recorder = PushgatewayRecorder(status)

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            recorder.receive(self.command, self.path, self.headers["Content-Type"], body)
            self.send_response(recorder.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_PUT()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        recorder.url = f"http://127.0.0.1:{server.server_port}"
        yield recorder
        server.shutdown()
