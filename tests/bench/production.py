"""`python -m tests.bench.production BATCH CANDIDATE`: set the production version of the benchmark's stack.

The step `register` refits and registers a version of the given candidate. It goes into production without a verdict:
the benchmark measures speed, not quality.
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
    batch, name = arguments
    settings = load()
    connect(settings.database_address)
    candidates = tuple(candidate for candidate in CANDIDATES if candidate.name == name)
    with patch.object(register, "CANDIDATES", candidates):
        facts = register.run(int(batch), settings)
    Registry(settings.mlflow_tracking_uri).set_production(
        str(facts["version"]), "bench", "for the benchmark", datetime.now(UTC)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
