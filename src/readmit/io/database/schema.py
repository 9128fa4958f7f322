"""Tables and views of all databases, as this code needs them."""

from readmit.core.encounter import TARGETS
from readmit.io.database.connection import NAMES
from readmit.io.database.migrations import bring_up_to_date, migrating
from readmit.io.database.tables import TABLES
from readmit.io.database.views import make_views


def migrate(target: str = next(iter(TARGETS))) -> None:
    """Brings the databases to what this code needs, and makes the views anew, with `target` as their `readmitted`.

    TablesUnfit: a database is newer than this code, or lacks columns that no migration adds.
    """
    for database in NAMES.values():
        with migrating(database):
            bring_up_to_date(database, [table for table in TABLES if table._meta.database is database])
            make_views(database, target)
