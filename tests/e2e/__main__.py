"""`just e2e`: what needs a Docker Engine. First what is asked of single servers, then the whole stack.

The stores that the tests of `io` and of S3 are run against are containers of a project of their own, published as
`just up --publish-stores` publishes a user's.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from readmit.containers import secrets
from readmit.containers.project import ROOT, Project
from readmit.embedded.stack import free_ports
from readmit.settings import environment_with
from readmit.stacks.errors import StackError

NAME = "readmit-e2e-stores"
PUBLISHED = ("MYSQL", "S3")


def main(options: Sequence[str]) -> int:
    """The worst of the exit codes. `options` of pytest."""
    try:
        with published_stores() as variables:
            codes = [_pytest(["-m", "mysql", "tests/io", *options], variables)]
            codes.append(_pytest(["-m", "e2e", "tests/e2e", "tests/security", *options], variables))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return max(codes)


@contextmanager
def published_stores() -> Iterator[dict[str, str]]:
    """MySQL and S3 on ports of 127.0.0.1, and the variables by which tests find them; all gone at the end."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "secrets"
        secrets.make(kept, {})
        ports = dict(zip(PUBLISHED, free_ports(len(PUBLISHED)), strict=True))
        own = {"READMIT_SECRETS": str(kept), **{f"READMIT_{name}_PORT": str(port) for name, port in ports.items()}}
        project = Project(NAME, own, ("compose/publish-stores.yaml",))
        try:
            project.output("up", "--detach", "--wait", "mysql", "s3")
            password = (kept / "flows_password").read_text()
            yield {
                "READMIT_TEST_DATABASE_URL": f"mysql://flows:{password}@127.0.0.1:{ports['MYSQL']}",
                "READMIT_S3_URL": f"http://127.0.0.1:{ports['S3']}",
                "READMIT_S3_ACCESS_KEY": (kept / "s3_access_key").read_text(),
                "READMIT_S3_SECRET_KEY": (kept / "s3_secret_key").read_text(),
            }
        finally:
            project.output("down", "--volumes", "--remove-orphans")


def _pytest(options: Sequence[str], variables: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", *options]
    return subprocess.run(command, env=environment_with(variables), cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
