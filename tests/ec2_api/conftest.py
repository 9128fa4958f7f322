import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from ec2_api.app import create_app
from ec2_api.layout import PublishedFile, sha256
from ec2_api.metrics import SourceMetrics
from ec2_api.sample import write_sample
from ec2_api.settings import SourceSettings, load
from ec2_api.startup import open_source


@pytest.fixture(scope="session")
def small_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """700 encounters in UCI's layout: two batches of 300 and one of 100."""
    path = tmp_path_factory.mktemp("source") / "small.csv"
    write_sample(path, rows=700, seed=7)
    return path


@pytest.fixture
def make_settings(tmp_path: Path, small_csv: Path) -> Callable[..., SourceSettings]:
    """Settings in a temporary folder: the small file, batches of 300, all released at once, no download."""

    def make(**changes: object) -> SourceSettings:
        values = {
            "DATA": small_csv,
            "SOURCE_STATE": tmp_path / "state",
            "SOURCE_INTERVAL_SECONDS": 0,
            "SOURCE_BATCH_SIZE": 300,
            "SOURCE_DOWNLOAD_URL": "",
        } | changes
        return load({f"READMIT_{name}": str(value) for name, value in values.items() if value is not None})

    return make


@pytest.fixture
def clock() -> SimpleNamespace:
    """`now`: epoch seconds, set by the test."""
    return SimpleNamespace(now=1_000_000.0)


@pytest.fixture
def serve(clock: SimpleNamespace) -> Callable[[SourceSettings], FlaskClient]:
    """A client of the application for the given settings and the test's clock."""

    def start(settings: SourceSettings) -> FlaskClient:
        source = open_source(settings, lambda: clock.now)
        return create_app(
            source,
            SourceMetrics(source.release.total, source.rows),
            settings.allowed_hosts,
            settings.token,
            lambda: clock.now,
        ).test_client()

    return start


@dataclass
class DownloadServer:
    """A local download server whose next responses can be made to fail."""

    content: bytes
    failures: list[str] = field(default_factory=list)
    requested_ranges: list[str | None] = field(default_factory=list)
    url: str = ""


def _handler(server: DownloadServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested_range = self.headers.get("Range")
            server.requested_ranges.append(requested_range)
            failure = server.failures.pop(0) if server.failures else ""
            if failure.isdigit():
                self.send_error(int(failure))
                return
            start = int(re.findall(r"\d+", requested_range)[0]) if requested_range and failure != "no ranges" else 0
            remaining = server.content[start:]
            self.send_response(416 if start and not remaining else 206 if start else 200)
            end = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}" if remaining else f"bytes */{end}")
            self.send_header("Content-Length", str(len(remaining)))
            self.end_headers()
            self.wfile.write(remaining[: len(remaining) // 2] if failure == "cut" else remaining)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    return Handler


@pytest.fixture
def csv(small_csv: Path) -> bytes:
    return small_csv.read_bytes()


@pytest.fixture
def published(csv: bytes) -> PublishedFile:
    return PublishedFile("diabetic_data.csv", len(csv), sha256(csv))


@pytest.fixture
def download_server(csv: bytes) -> Iterator[DownloadServer]:
    zipped = BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("diabetic_data.csv", csv)
        archive.writestr("IDS_mapping.csv", "admission_type_id,description\n")
    download_server = DownloadServer(zipped.getvalue())
    http_server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(download_server))
    download_server.url = f"http://127.0.0.1:{http_server.server_port}/data.zip"
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield download_server
    http_server.shutdown()
    http_server.server_close()
    thread.join()
