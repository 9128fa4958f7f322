"""The deployment package depends on the source alone."""

import ast
import io
import os
import sys
import zipfile
from pathlib import Path

from aws.lambda_package import SOURCE, build_package, code_sha256

PACKAGE_SHA256 = "5XJTALjXHBaxosafOMnObDsodrVZ7exPZ1APE8s4aag="
"""Of a package with this source; a Python or a platform that writes other bytes fails here."""


def test_the_same_source_gives_the_same_bytes_whatever_its_date(tmp_path: Path) -> None:
    source = tmp_path / "handler.py"
    source.write_bytes(SOURCE.read_bytes())
    first = build_package(source.read_bytes())
    os.utime(source, (0, 0))
    assert build_package(source.read_bytes()) == first
    assert build_package(source.read_bytes() + b"\n") != first


def test_its_hash_is_the_same_on_every_platform() -> None:
    assert code_sha256(build_package(b"def handler(event, context): ...\n")) == PACKAGE_SHA256


def test_it_holds_the_handler_alone_which_imports_only_boto3_and_the_standard_library() -> None:
    with zipfile.ZipFile(io.BytesIO(build_package(SOURCE.read_bytes()))) as archive:
        assert archive.namelist() == ["handler.py"]
        tree = ast.parse(archive.read("handler.py"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    roots = {name.partition(".")[0] for name in names}
    # Its types, which only mypy imports.
    assert roots - set(sys.stdlib_module_names) == {"boto3", "botocore", "mypy_boto3_ec2"}
    assert "if TYPE_CHECKING:\n    from mypy_boto3_ec2 " in SOURCE.read_text()
