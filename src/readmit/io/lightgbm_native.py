"""Bindings to LightGBM's C API: score one row or many with a model's trees, and explain one row.

LightGBM's Python package would load numpy, scipy and scikit-learn into the process: 192 MiB instead of 5.
Every function of the C API returns 0, or a nonzero code when it fails.
"""

import ctypes
import sys
from array import array
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from readmit.core.compiled_model import CompiledModel
from readmit.core.errors import VersionUnusable
from readmit.core.feature_spec import MODEL_COLUMNS
from readmit.core.scorer import Scorer
from readmit.core.trees import Tree, text_model

LIBRARY_FILES = {"darwin": "lib_lightgbm.dylib", "win32": "lib_lightgbm.dll"}
DTYPE_FLOAT64, ROW_MAJOR = 1, 1
RAW_SCORE, CONTRIBUTIONS = 1, 3
ALL_TREES = (0, -1)
ONE_THREAD = b"num_threads=1"


class NativeTrees:
    """The trees of one model. A row holds one number for each of `feature_spec.MODEL_COLUMNS`, in order.

    `score` must not be called by two threads at the same time; the other methods may be.
    Raises VersionUnusable when LightGBM can't load the trees.
    """

    def __init__(self, trees: Sequence[Tree]) -> None:
        self._library, self._columns = _library(), len(MODEL_COLUMNS)
        self._handle, iterations = ctypes.c_void_p(), ctypes.c_int(0)
        load = self._library.LGBM_BoosterLoadModelFromString
        _check(load(text_model(trees).encode(), ctypes.byref(iterations), ctypes.byref(self._handle)))
        self._fast = ctypes.c_void_p()
        _check(
            self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
                self._handle, RAW_SCORE, *ALL_TREES, DTYPE_FLOAT64, self._columns, ONE_THREAD, ctypes.byref(self._fast)
            )
        )
        self._row, self._out = (ctypes.c_double * self._columns)(), ctypes.c_double(0.0)
        self._length = ctypes.c_int64(0)
        # PyDLL keeps the GIL: to release and reacquire it would take longer than the score itself.
        self._score = ctypes.PyDLL(self._library._name).LGBM_BoosterPredictForMatSingleRowFast
        self._score.argtypes = [ctypes.c_void_p] * 4
        self._fast_arguments = (self._fast, self._row, ctypes.byref(self._length), ctypes.byref(self._out))

    def __del__(self) -> None:
        if getattr(self, "_fast", None):
            self._library.LGBM_FastConfigFree(self._fast)
        if getattr(self, "_handle", None):
            self._library.LGBM_BoosterFree(self._handle)

    def score(self, row: list[float]) -> float:
        """Return the sum of the trees' outputs for one row (a log-odds score)."""
        self._row[:] = row  # type: ignore[assignment]  # the stubs do not allow floats in a slice
        if self._score(*self._fast_arguments):
            raise VersionUnusable(_last_error())
        return self._out.value

    def scores(self, rows: memoryview) -> "array[float]":
        """Return the scores of many rows. `rows`: float64, shape (rows, columns), C-contiguous."""
        return self._predict(rows, RAW_SCORE, 1)

    def contributions(self, row: Sequence[float]) -> list[float]:
        """Return the contribution of each column to the score of one row, followed by the base value.

        Exact TreeSHAP: Lundberg et al. 2020, 'From local explanations to global understanding' (algorithm 2).
        """
        return self._predict(memoryview(array("d", row)).cast("B"), CONTRIBUTIONS, self._columns + 1).tolist()

    def _predict(self, rows: memoryview, predict_type: int, width: int) -> "array[float]":
        """Predict many rows; `width`: how many float64 values each row's prediction has."""
        flat = rows.cast("B")
        row_count = len(flat) // (8 * self._columns)
        out, length = array("d", bytes(8 * row_count * width)), ctypes.c_int64(0)
        source = (ctypes.c_char * len(flat)).from_buffer(flat)
        target = (ctypes.c_double * len(out)).from_buffer(out)
        _check(
            self._library.LGBM_BoosterPredictForMat(
                *(self._handle, source, DTYPE_FLOAT64, row_count, self._columns, ROW_MAJOR),
                *(predict_type, *ALL_TREES, ONE_THREAD),
                *(ctypes.byref(length), target),
            )
        )
        return out


# Discards the library's log output: failures are reported by return codes.
_silent = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda _: None)


def load_scorer(artifact: bytes) -> Scorer:
    """Load a scorer from a compiled model. Raises VersionUnusable when the bytes or their trees can't be loaded."""
    compiled = CompiledModel.from_json(artifact)
    return Scorer(compiled, NativeTrees(compiled.trees) if compiled.trees else None)


@cache
def _library() -> ctypes.CDLL:
    spec = find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise VersionUnusable("LightGBM is not installed")
    library = ctypes.CDLL(str(Path(spec.origin).parent / "lib" / LIBRARY_FILES.get(sys.platform, "lib_lightgbm.so")))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    library.LGBM_RegisterLogCallback(_silent)
    return library


def _last_error() -> str:
    message: bytes = _library().LGBM_GetLastError()
    return f"LightGBM: {message.decode(errors='replace')}"


def _check(code: int) -> None:
    if code:
        raise VersionUnusable(_last_error())
