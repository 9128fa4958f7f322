"""The probe of a service: certificates that a CA of its own verifies, and S3 servers of any make."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ec2_api.sample import write_sample
from readmit.io.health_probe import ProbeFailed, probe_latency_ms, s3_latency_ms
from readmit.setting_values import ca_context
from readmit.settings import Settings
from readmit.stacks.certificates import make_certificate
from tests.aws.moto_server import MotoServer
from tests.ec2_api.source_process import running

StubResponse = tuple[int, dict[str, str], bytes]
StubServer = Callable[[Callable[[str], StubResponse]], str]
XML = b'<?xml version="1.0" encoding="UTF-8"?>\n'
OF_S3: dict[str, StubResponse] = {
    "Garage, MinIO and SeaweedFS": (403, {}, XML + b"<Error><Code>AccessDenied</Code></Error>"),
    "Cloudflare": (400, {}, XML + b"<Error><Code>InvalidArgument</Code><Message>Authorization</Message></Error>"),
    "Ceph": (200, {}, XML + b'<ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'),
    "AWS": (307, {"Location": "https://aws.amazon.com/s3/", "x-amz-request-id": "4442587FB7D0A2F9"}, b""),
}
"""What servers respond to an unsigned request for the list of buckets."""
NOT_OF_S3: dict[str, StubResponse] = {
    "a web page": (200, {}, b"<!doctype html><title>Welcome</title>"),
    "an error page": (404, {}, b"<html><title>Error</title></html>"),
    "a redirect": (302, {"Location": "https://login.example/"}, b""),
    "nothing": (204, {}, b""),
}


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


@pytest.mark.parametrize("response", OF_S3.values(), ids=OF_S3)
def test_an_s3_server_of_any_make_works_if_it_responds_as_s3_does(
    response: StubResponse, stub_server: StubServer
) -> None:
    paths = list[str]()
    address = stub_server(lambda path: (paths.append(path), response)[1])
    assert s3_latency_ms(address, 10.0) > 0
    assert s3_latency_ms(f"{address}/", 10.0) > 0
    assert paths == ["/", "/"]


def test_the_s3_servers_that_can_be_had_here_work_without_a_login(settings: Settings) -> None:
    assert s3_latency_ms(settings.s3_url, 10.0) > 0
    with MotoServer.running() as moto:
        assert s3_latency_ms(moto.url, 10.0) > 0


@pytest.mark.parametrize("response", NOT_OF_S3.values(), ids=NOT_OF_S3)
def test_what_is_no_s3_server_is_not_taken_for_one(response: StubResponse, stub_server: StubServer) -> None:
    with pytest.raises(ProbeFailed, match="^the response is not that of an S3 server$"):
        s3_latency_ms(stub_server(lambda _: response), 10.0)


def test_an_s3_server_that_is_down_or_fails_is_down(stub_server: StubServer) -> None:
    overloaded = XML + b"<Error><Code>SlowDown</Code></Error>"
    with pytest.raises(ProbeFailed, match="Service Unavailable"):
        s3_latency_ms(stub_server(lambda _: (503, {"x-amz-request-id": "1"}, overloaded)), 10.0)
    with pytest.raises(ProbeFailed, match="refused"):
        s3_latency_ms("http://127.0.0.1:9", 10.0)
