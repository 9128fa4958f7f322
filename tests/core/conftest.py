import io
import os
import zipfile
from pathlib import Path

import polars as pl
import pytest

from readmit.core.cleaning import clean, to_text_columns
from readmit.core.encounter import ENCOUNTER
from readmit.core.splitting import with_split


@pytest.fixture(scope="session")
def real() -> pl.DataFrame:
    """The encounters of the real file, clean, each with its split."""
    path = os.environ.get("READMIT_DATA")
    if path is None:
        pytest.skip("READMIT_DATA is not set: the thresholds are those of the real file")
    content = Path(path).read_bytes()
    if zipfile.is_zipfile(path):
        content = zipfile.ZipFile(path).read("diabetic_data.csv")
    cleaned = clean(to_text_columns(pl.read_csv(io.BytesIO(content), infer_schema=False)), ()).clean
    return with_split(cleaned).sort(ENCOUNTER)
