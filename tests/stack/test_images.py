"""The lock of each image contains what its code imports; the development environment contains more."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from readmit.pipeline import STEPS

ROOT = Path(__file__).parents[2]

CODE = {
    "api": ("api.__main__", "api.registered_models", "api.batch.worker"),
    "ec2-api": ("ec2_api.__main__",),
    "flows": (
        "flows.serve",
        "flows.catch_up",
        "readmit.step_attempt",
        "readmit.cli",
        *(f"readmit.steps.{step.name}" for step in STEPS),
    ),
    "locust": ("locust.main", "locustfile"),
    "ui": (
        *(f"ui.{name}_page" for name in ("patient", "batch", "statistics", "model", "data", "system")),
        "ui.auth",
        "ui.sidebar",
    ),
}
"""The modules that run in each image."""

LOADED_BY_NAME = {
    "api": ("uvloop", "httptools"),
    "ec2-api": (),
    "flows": ("pymysql", "cryptography", "pyarrow"),
    "locust": (),
    "ui": ("streamlit.web.cli", "authlib"),
}
"""Modules loaded by a command line or another package, which our imports do not show."""

IMPORTER = r"""
import importlib, importlib.util, json, pathlib, re, sys, sysconfig
from importlib.metadata import distributions

locked, modules = json.loads(sys.argv[1])
installed = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


def is_locked(distribution):
    return re.sub(r"[-_.]+", "-", distribution.name).lower() in locked


# By file, not by name: mlflow and mlflow-skinny share a folder.
files = {str(d.locate_file(file)) for d in distributions() if is_locked(d) for file in d.files or ()}


class Hiding:
    # Hidden, not blocked: a package that checks whether another one is installed must see that it is not.
    def __init__(self, finder):
        self._finder = finder

    def find_spec(self, name, path=None, target=None):
        spec = self._finder.find_spec(name, path, target)
        hidden = spec is not None and str(spec.origin).startswith(installed) and str(spec.origin) not in files
        return self._module_beside(name, spec) if hidden else spec

    def _module_beside(self, name, spec):
        # python-multipart's folder `multipart` shadows the module `multipart` of another package.
        module = pathlib.Path(spec.origin).parent.with_suffix(".py")
        return importlib.util.spec_from_file_location(name, module) if str(module) in files else None

    def find_distributions(self, context):
        return filter(is_locked, getattr(self._finder, "find_distributions", lambda _: ())(context))


sys.meta_path[:] = map(Hiding, sys.meta_path)
# Locust adds the folder of its file in the same way.
sys.path.append("locust")
for module in modules:
    importlib.import_module(module)
"""


def locked(group: str) -> list[str]:
    """Normalised names of the packages that the lock installs on this platform."""
    lines = (ROOT / f"requirements/{group}.txt").read_text().splitlines()
    requirements = [Requirement(line.rstrip(" \\")) for line in lines if re.match(r"\w", line)]
    return [
        re.sub(r"[-_.]+", "-", requirement.name).lower()
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate()
    ]


@pytest.mark.parametrize("group", CODE)
def test_an_images_lock_contains_what_its_code_imports(group: str) -> None:
    arguments = json.dumps([locked(group), [*CODE[group], *LOADED_BY_NAME[group]]])
    result = subprocess.run(
        [sys.executable, "-c", IMPORTER, arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_the_serving_process_loads_none_of_the_libraries_that_fitted_its_model() -> None:
    """They would multiply its memory by five. Batches are scored in another process."""
    code = "import sys, api.__main__, api.registered_models; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"mlflow", "sklearn", "pandas", "polars", "numpy", "scipy", "pyarrow", "lightgbm", "skops", "flask"}
    assert not heavy & set(loaded.stdout.split())
