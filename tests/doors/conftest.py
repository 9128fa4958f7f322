from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from api.app import create_app
from readmit.settings import Settings
from tests.api.conftest import LOCAL, TOKEN, FittedVersion, InMemoryModelSource, served
from tests.doors.doors import AppDoor, Door, InferenceDoor, SourceDoor

__all__ = ["served"]


@pytest.fixture(scope="session")
def inference_door(served: FittedVersion) -> Iterator[InferenceDoor]:
    """The inference API, shared by all tests, since its batch worker takes half a second to start."""
    settings = Settings(reload_token=SecretStr(TOKEN), model_poll_seconds=3600)
    app = create_app(InMemoryModelSource(served), settings)
    with TestClient(app, base_url=LOCAL, raise_server_exceptions=False) as client:
        yield InferenceDoor(client)


@pytest.fixture
def doors(inference_door: InferenceDoor, tmp_path: Path) -> dict[str, Door]:
    """The three doors by which a table of encounters is read."""
    return {"source": SourceDoor(tmp_path / "file"), "api": inference_door, "app": AppDoor(inference_door)}
