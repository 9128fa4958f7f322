import hashlib
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from flask.testing import FlaskClient

from ec2_api.layout import csv_content
from ec2_api.settings import SourceSettings

pytestmark = pytest.mark.skipif("READMIT_DATA" not in os.environ, reason="READMIT_DATA is unset: needs the real file")


def test_the_batches_of_the_real_file_have_its_rows_and_values_in_order(
    make_settings: Callable[..., SourceSettings], serve: Callable[[SourceSettings], FlaskClient]
) -> None:
    path = Path(os.environ["READMIT_DATA"])
    content = csv_content(path)
    client = serve(make_settings(DATA=path, SOURCE_BATCH_SIZE=15_000))
    batches = client.get("/batches").get_json()
    assert sum(batch["rows"] for batch in batches) == content.count(b"\n") - 1
    parts = []
    for batch in batches:
        response = client.get(batch["links"]["parquet"])
        assert hashlib.sha256(response.data).hexdigest() == batch["sha256"]
        parts.append(pl.read_parquet(BytesIO(response.data)))
        csv = client.get(batch["links"]["csv"]).data
        assert csv.split(b"\n", 1)[1] in content
    assert pl.concat(parts).write_csv().encode() == content
    rows = client.get("/get_data").get_json()
    assert [{name: str(value) for name, value in row.items()} for row in rows] == parts[-1].to_dicts()
