"""`just e2e`: the tests that need Docker, first those of single servers, then those of the whole stack.

The stores for the tests of `io` and of S3 are containers of a separate project, published like those of
`just up --publish-stores`.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from readmit.containers import secrets
from readmit.containers.project import ROOT, Project
from readmit.containers.temporary_names import temporary_name
from readmit.embedded.stack import free_ports
from readmit.settings import environment_with
from readmit.stacks.errors import StackError

NAME = "readmit-e2e-stores"
PUBLISHED = ("MYSQL", "S3")


def main(options: Sequence[str]) -> int:
    """Run the tests and return the highest exit code. `options`: those of pytest."""
    try:
        with published_stores() as variables:
            codes = [_pytest(["-m", "mysql", "tests/io", *options], variables)]
            codes.append(_pytest(["-m", "e2e", "tests/e2e", "tests/security", "tests/aws", *options], variables))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return max(codes)


@contextmanager
def published_stores() -> Iterator[dict[str, str]]:
    """Run MySQL and S3 on ports of 127.0.0.1, yield the variables with their addresses, and remove both at the end."""
    with tempfile.TemporaryDirectory() as folder:
        secrets_folder = Path(folder) / "secrets"
        secrets.create_missing(secrets_folder, {})
        ports = dict(zip(PUBLISHED, free_ports(len(PUBLISHED)), strict=True))
        port_variables = {f"READMIT_{name}_PORT": str(port) for name, port in ports.items()}
        variables = {"READMIT_SECRETS": str(secrets_folder), **port_variables}
        project = Project(temporary_name(NAME), variables, ("compose/publish-stores.yaml",))
        try:
            project.output("up", "--detach", "--wait", "mysql", "s3")
            password = (secrets_folder / "flows_password").read_text()
            yield {
                "READMIT_TEST_DATABASE_URL": f"mysql://flows:{password}@127.0.0.1:{ports['MYSQL']}",
                "READMIT_S3_URL": f"http://127.0.0.1:{ports['S3']}",
                "READMIT_S3_ACCESS_KEY": (secrets_folder / "s3_access_key").read_text(),
                "READMIT_S3_SECRET_KEY": (secrets_folder / "s3_secret_key").read_text(),
            }
        finally:
            project.output("down", "--volumes", "--remove-orphans")


def _pytest(options: Sequence[str], variables: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", *options]
    return subprocess.run(command, env=environment_with(variables), cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
