"""Ad hoc queries on a MySQL server: a query that asks too much of it, a connection lost, a client killed."""

import subprocess
import sys
from contextlib import closing

import pymysql
import pytest

from readmit.core.errors import QueryRejected, StoreUnavailable
from readmit.io.database.connection import mysql_options
from readmit.io.database.sql_query import execute_query
from tests.k3s.waiting import wait_until

pytestmark = pytest.mark.mysql

THOUSAND = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
FEW = "(SELECT 1 AS i UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4)"


def _fetch_all(address: str, query: str) -> list[tuple[object, ...]]:
    with execute_query(address, query) as result:
        return list(result.rows)


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT COUNT(*) FROM {', '.join(f'{FEW} AS t{index}' for index in range(20))}",
        f"{THOUSAND} SELECT REPEAT('x', 500) FROM n a, n b, n c ORDER BY SHA2(a.i * b.i * c.i, 256)",
    ],
    ids=["join", "sort"],
)
def test_a_query_that_fills_the_space_for_temporary_files_does_not_stop_the_server(query: str, mysql: str) -> None:
    with (
        pytest.raises(QueryRejected, match="the query needs more space for temporary files than MySQL has: narrow it"),
        execute_query(mysql, query) as result,
    ):
        list(result.rows)
    assert _fetch_all(mysql, "SELECT 1") == [(1,)]


def test_a_connection_lost_during_the_query_is_reported_as_unavailable(mysql: str) -> None:
    def lose_connection() -> None:
        query = f"{THOUSAND} SELECT CONNECTION_ID(), '{'x' * 500}' FROM n a, n b"
        with execute_query(mysql, query) as result:
            with closing(pymysql.connect(**mysql_options(mysql))) as other:
                other.kill(next(result.rows)[0])
            list(result.rows)

    with pytest.raises(StoreUnavailable, match="MySQL: Lost connection"):
        lose_connection()


ORPHAN = """
import sys
from readmit.io.database import sql_query

sql_query.GRACE_SECONDS = 0.5
with sql_query.execute_query(sys.argv[1], sys.argv[2], seconds=5) as result:
    list(result.rows)
"""


def test_the_server_stops_a_query_whose_client_was_killed(mysql: str) -> None:
    query = f"{THOUSAND} SELECT i, (SELECT COUNT(*) FROM n b, n c WHERE b.i + c.i > a.i) AS orphan FROM n a"
    others = "SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID()"
    running = f"{others} AND info LIKE '%AS orphan%'"
    client = subprocess.Popen([sys.executable, "-c", ORPHAN, mysql, query])
    wait_until(lambda: _fetch_all(mysql, running) == [(1,)], 5)
    client.kill()
    client.wait()
    wait_until(lambda: _fetch_all(mysql, running) == [(0,)], 20)
