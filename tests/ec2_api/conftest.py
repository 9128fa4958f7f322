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
from ec2_api.layout import Published, sha256
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
    """Settings over a folder of the test's own: the small file, batches of 300, all at once, no download."""

    def make(**changes: object) -> SourceSettings:
        chosen = {
            "DATA": small_csv,
            "SOURCE_STATE": tmp_path / "state",
            "SOURCE_INTERVAL_SECONDS": 0,
            "SOURCE_BATCH_SIZE": 300,
            "SOURCE_DOWNLOAD_URL": "",
        } | changes
        return load({f"READMIT_{name}": str(value) for name, value in chosen.items() if value is not None})

    return make


@pytest.fixture
def clock() -> SimpleNamespace:
    """`now`: epoch seconds that a test sets."""
    return SimpleNamespace(now=1_000_000.0)


@pytest.fixture
def serve(clock: SimpleNamespace) -> Callable[[SourceSettings], FlaskClient]:
    """A client of the application over what the settings open, at the test's clock."""

    def start(settings: SourceSettings) -> FlaskClient:
        opened = open_source(settings, lambda: clock.now)
        return create_app(
            opened, SourceMetrics(opened.release.total, opened.rows), settings.allowed_hosts, lambda: clock.now
        ).test_client()

    return start


@dataclass
class Shop:
    """A download server on this machine whose next answers can be made to fail."""

    content: bytes
    faults: list[str] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


def _handler(shop: Shop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            shop.asked.append(wanted)
            fault = shop.faults.pop(0) if shop.faults else ""
            if fault.isdigit():
                self.send_error(int(fault))
                return
            start = int(re.findall(r"\d+", wanted)[0]) if wanted and fault != "no ranges" else 0
            rest = shop.content[start:]
            self.send_response(416 if start and not rest else 206 if start else 200)
            end = len(shop.content)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}" if rest else f"bytes */{end}")
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: len(rest) // 2] if fault == "cut" else rest)

        def log_message(self, *_: object) -> None:
            """The log of a test stays the test's."""

    return Handler


@pytest.fixture
def csv(small_csv: Path) -> bytes:
    return small_csv.read_bytes()


@pytest.fixture
def wanted(csv: bytes) -> Published:
    return Published("diabetic_data.csv", len(csv), sha256(csv))


@pytest.fixture
def shop(csv: bytes) -> Iterator[Shop]:
    zipped = BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("diabetic_data.csv", csv)
        archive.writestr("IDS_mapping.csv", "admission_type_id,description\n")
    shop = Shop(zipped.getvalue())
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(shop))
    shop.url = f"http://127.0.0.1:{server.server_port}/data.zip"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield shop
    server.shutdown()
    server.server_close()
    thread.join()
