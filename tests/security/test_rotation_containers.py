"""Every secret of the containers can be rotated: the old one is rejected, and days still run."""

from pathlib import Path

import httpx
import pytest
from rich.console import Console

from readmit.containers.rotation import rotate
from readmit.containers.secrets import INNER_CERTIFICATE_NAME, ROTATABLE_SECRETS
from tests.e2e.containers import Stack

pytestmark = pytest.mark.e2e
# Grafana's image is not available everywhere, and its password is in its own database.
ROTATABLE = [name for name in ROTATABLE_SECRETS if name != "grafana_password"]
MYSQL_LOGIN = "import pymysql; pymysql.connect(host='mysql', user='flows', password={password!r}, ssl_disabled=True)"
S3_LOGIN = (
    "from readmit.io.object_store import Bucket; list(Bucket('raw', 'http://s3:8333', {user!r}, {secret!r}).names())"
)


def test_after_a_rotation_of_every_secret_the_old_ones_are_rejected_and_a_day_completes(containers: Stack) -> None:
    folder = Path(containers.project.variables["READMIT_SECRETS"])
    old = {name: (folder / name).read_text() for name in ROTATABLE if name != INNER_CERTIFICATE_NAME}
    rotate(containers.project, ROTATABLE, Console(quiet=True))
    new = {name: (folder / name).read_text() for name in old}
    assert not set(old.values()) & set(new.values())
    prefect = f"{containers.addresses['prefect']}/api/flows/filter"
    reload = f"{containers.addresses['api']}/reload_model"
    for secrets, status in ((old, 401), (new, 200)):
        login = ("admin", secrets["prefect_password"])
        assert httpx.post(prefect, json={}, auth=login, timeout=30.0, trust_env=False).status_code == status
        bearer = {"Authorization": f"Bearer {secrets['reload_token']}"}
        assert httpx.post(reload, headers=bearer, timeout=60.0, trust_env=False).status_code == status
    assert _login_fails(containers, MYSQL_LOGIN.format(password=old["flows_password"]))
    assert not _login_fails(containers, MYSQL_LOGIN.format(password=new["flows_password"]))
    assert _login_fails(containers, S3_LOGIN.format(user=old["s3_access_key"], secret=old["s3_secret_key"]))
    assert containers.run_day(batch=1, train=False).state == "COMPLETED"
    assert containers.sql("SELECT COUNT(*) AS number FROM raw_data_db.batches")[0]["number"] != "0"


def _login_fails(containers: Stack, login: str) -> bool:
    """Return whether a login fails in a container on the stores' network."""
    code = f"try:\n    {login}\nexcept Exception as error:\n    print('rejected', type(error).__name__)\n"
    return containers.run_one_off(code).startswith("rejected")
