"""An encounter such as is posted to /predict: shown in the documentation, and what a loaded model is tried on."""

import json
from collections.abc import Mapping
from pathlib import Path

EXAMPLE: Mapping[str, object] = json.loads(Path(__file__).with_name("example.json").read_text(encoding="utf-8"))
