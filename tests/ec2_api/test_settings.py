from pathlib import Path

import pytest

from ec2_api.errors import StartupError
from ec2_api.settings import load


def test_without_variables_the_defaults_are_used() -> None:
    settings = load({})
    assert (settings.data, settings.host, settings.port) == (None, "127.0.0.1", 5001)
    assert (settings.state, settings.interval_seconds, settings.batch_size) == (Path("var/ec2-api"), 300, 15_000)
    assert settings.download_url.startswith("https://archive.ics.uci.edu/")


def test_an_empty_download_address_means_no_download_and_an_empty_path_means_no_file() -> None:
    settings = load({"READMIT_SOURCE_DOWNLOAD_URL": "", "READMIT_DATA": ""})
    assert (settings.download_url, settings.data) == ("", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("READMIT_SOURCE_PORT", "70000"),
        ("READMIT_SOURCE_INTERVAL_SECONDS", "-1"),
        ("READMIT_SOURCE_INTERVAL_SECONDS", "five"),
        ("READMIT_SOURCE_BATCH_SIZE", "0"),
        ("READMIT_SOURCE_DOWNLOAD_URL", "ftp://somewhere"),
    ],
)
def test_an_invalid_value_is_rejected_with_the_name_of_the_variable(name: str, value: str) -> None:
    with pytest.raises(StartupError, match=name):
        load({name: value})


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", {"localhost", "127.0.0.1", "[::1]", "ec2-api"}),
        ("Data.Example.org, 10.0.0.7 ,", {"data.example.org", "10.0.0.7"}),
        ("::1,[2001:DB8:0::7]", {"[::1]", "[2001:db8::7]"}),
    ],
)
def test_allowed_hosts_replace_the_default_and_are_normalised(text: str, hosts: set[str]) -> None:
    assert load({"READMIT_ALLOWED_HOSTS": text}).allowed_hosts == hosts


@pytest.mark.parametrize("text", [",", "*", "http://localhost", "localhost:5001", "a b", "[10.0.0.7]", "localhost."])
def test_an_invalid_list_of_host_names_is_rejected(text: str) -> None:
    with pytest.raises(StartupError, match="READMIT_ALLOWED_HOSTS"):
        load({"READMIT_ALLOWED_HOSTS": text})
