"""`python -m tests.bench.production BATCH [CANDIDATE]`: whom the bench serves, in its own stack.

The step `register` chooses, refits and registers as on any day, among all candidates or the one that is named; what it
made goes into production without a verdict, for speed is asked here and not quality.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from unittest.mock import patch

from readmit.core.model import CANDIDATES
from readmit.io.database.connection import connect
from readmit.io.registry.model_versions import Registry
from readmit.settings import load
from readmit.steps import register


def main(arguments: Sequence[str]) -> int:
    batch, *named = arguments
    settings = load()
    connect(settings.database_address)
    among = tuple(candidate for candidate in CANDIDATES if not named or candidate.name in named)
    with patch.object(register, "CANDIDATES", among):
        facts = register.run(int(batch), settings)
    Registry(settings.mlflow_tracking_uri).name_production(
        str(facts["version"]), "bench", "to be timed", datetime.now(UTC)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
