"""An example encounter for /predict: shown in the documentation, and used to try a model when it is loaded."""

import json
from collections.abc import Mapping
from pathlib import Path

EXAMPLE: Mapping[str, object] = json.loads(Path(__file__).with_name("example.json").read_text(encoding="utf-8"))
