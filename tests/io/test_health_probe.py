"""The probe of a service whose certificate is verified by a CA of its own."""

from pathlib import Path

import pytest

from ec2_api.sample import write_sample
from readmit.io.health_probe import ProbeFailed, probe_latency_ms
from readmit.setting_values import ca_context
from readmit.stacks.certificates import make_certificate
from tests.ec2_api.source_process import running


def test_a_certificate_is_verified_by_the_given_context_and_otherwise_by_the_system(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    for file, text in zip((certificate, key), make_certificate(("127.0.0.1",)), strict=True):
        file.write_text(text)
    write_sample(tmp_path / "sample.csv", rows=30, seed=7)
    changes = {"DATA": str(tmp_path / "sample.csv"), "SOURCE_STATE": str(tmp_path / "state")}
    tls = {"SOURCE_TLS_CERTIFICATE": str(certificate), "SOURCE_TLS_KEY": str(key)}
    with running(tmp_path / "log", **changes, **tls) as (_, client):
        address = str(client.base_url.join("/health"))
        assert probe_latency_ms(address, 10.0, ca_context(certificate)) > 0
        with pytest.raises(ProbeFailed, match="CERTIFICATE_VERIFY_FAILED"):
            probe_latency_ms(address, 10.0)
