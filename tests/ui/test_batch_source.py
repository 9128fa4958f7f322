"""The page's client of the data API, with a real one that requires a token and serves HTTPS."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
import streamlit as st

from ec2_api.sample import write_sample
from readmit.setting_values import ca_context
from readmit.stacks.certificates import make_certificate
from tests.ec2_api.source_process import running
from tests.ui.conftest import Visit
from ui.api_client import ApiUnavailable, RequestRejected
from ui.batch_source import BatchSource


def test_batches_are_read_with_the_token_and_a_verified_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    for file, text in zip((certificate, key), make_certificate(("127.0.0.1",)), strict=True):
        file.write_text(text)
    write_sample(tmp_path / "sample.csv", rows=30, seed=7)
    changes = {"DATA": str(tmp_path / "sample.csv"), "SOURCE_STATE": str(tmp_path / "state"), "SOURCE_TOKEN": "hush"}
    tls = {"SOURCE_TLS_CERTIFICATE": str(certificate), "SOURCE_TLS_KEY": str(key)}
    with running(tmp_path / "log", **changes, **tls) as (_, client):
        url = f"{client.base_url}"
        source = BatchSource(url, "hush", ca_context(certificate))
        assert [(batch.number, batch.rows) for batch in source.batches()] == [(1, 30)]
        (tmp_path / "batch.parquet").write_bytes(source.batch(1))
        assert pq.read_table(tmp_path / "batch.parquet").num_rows == 30
        with pytest.raises(RequestRejected) as rejected:
            BatchSource(url, None, ca_context(certificate)).batches()
        assert rejected.value.status == 401
        with pytest.raises(ApiUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            BatchSource(url, "hush", None).batches()


@pytest.mark.parametrize("language", ["en", "es"])
def test_without_a_fixed_address_of_the_data_api_only_files_can_be_predicted(
    language: str, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READMIT_SOURCE_URL", "")
    assert not [text for text in captions(visit, language) if "API" in text]
    monkeypatch.setenv("READMIT_EC2_INSTANCE_ID", "i-0123456789abcdef0")
    assert [text for text in captions(visit, language) if "API" in text]


def captions(visit: Visit, language: str) -> list[str]:
    st.cache_resource.clear()
    app = visit("many", language)
    assert not app.exception
    return [caption.value for caption in app.caption]
