"""`just aws::try`: the walk, without the environment of the user's own account and stack."""

import importlib
import os
import sys

if __name__ == "__main__":
    # Before moto is imported, which reads the profile. The endpoint of a single service could also lead to the account.
    for name in [name for name in os.environ if name.startswith(("AWS_", "READMIT_"))]:
        del os.environ[name]
    sys.exit(importlib.import_module("tests.aws.walk").main())
