"""The schema of all databases: their tables and views."""

from readmit.core.encounter import TARGETS
from readmit.io.database.connection import NAMES
from readmit.io.database.migrations import apply_migrations, migration_lock
from readmit.io.database.tables import TABLES
from readmit.io.database.views import create_views


def migrate(target: str = next(iter(TARGETS))) -> None:
    """Apply pending migrations to all databases, and recreate the views with `target` as their `readmitted`.

    Raises SchemaMismatch when a database is newer than this code, or lacks columns that no migration adds.
    """
    for database in NAMES.values():
        with migration_lock(database):
            apply_migrations(database, [table for table in TABLES if table._meta.database is database])
            create_views(database, target)
