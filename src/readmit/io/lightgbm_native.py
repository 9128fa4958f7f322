"""LightGBM's C library by itself: trees score a row, or many, and explain one.

Without the package around it, which would bring numpy, scipy and scikit-learn into the process: 192 MiB against 5.
Every function of the library answers 0 or has an error to tell.
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

FILES = {"darwin": "lib_lightgbm.dylib", "win32": "lib_lightgbm.dll"}
DOUBLE, ROW_MAJOR = 1, 1
RAW_SCORE, CONTRIBUTIONS = 1, 3
ALL_TREES = (0, -1)
ONE_THREAD = b"num_threads=1"


class NativeTrees:
    """The trees of one model. A row holds a number for each of `inputs.GIVEN`, in order.

    `score` is for one thread alone, whichever; the others may be called by any. VersionUnusable: these are no trees.
    """

    def __init__(self, trees: Sequence[Tree]) -> None:
        self._library, self._columns = _library(), len(MODEL_COLUMNS)
        self._handle, iterations = ctypes.c_void_p(), ctypes.c_int(0)
        read = self._library.LGBM_BoosterLoadModelFromString
        _succeed(read(text_model(trees).encode(), ctypes.byref(iterations), ctypes.byref(self._handle)))
        self._fast = ctypes.c_void_p()
        _succeed(
            self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
                self._handle, RAW_SCORE, *ALL_TREES, DOUBLE, self._columns, ONE_THREAD, ctypes.byref(self._fast)
            )
        )
        self._row, self._out = (ctypes.c_double * self._columns)(), ctypes.c_double(0.0)
        self._length = ctypes.c_int64(0)
        # Without letting other threads run meanwhile: getting the turn back would take longer than the score does.
        self._score = ctypes.PyDLL(self._library._name).LGBM_BoosterPredictForMatSingleRowFast
        self._score.argtypes = [ctypes.c_void_p] * 4
        self._given = (self._fast, self._row, ctypes.byref(self._length), ctypes.byref(self._out))

    def __del__(self) -> None:
        if getattr(self, "_fast", None):
            self._library.LGBM_FastConfigFree(self._fast)
        if getattr(self, "_handle", None):
            self._library.LGBM_BoosterFree(self._handle)

    def score(self, row: list[float]) -> float:
        """The sum of the trees for one row."""
        self._row[:] = row  # type: ignore[assignment]  # numbers, as the stubs do not say of a whole slice
        if self._score(*self._given):
            raise VersionUnusable(_error())
        return self._out.value

    def scores(self, rows: memoryview) -> "array[float]":
        """The same for many: float64, shape (rows, columns), contiguous."""
        return self._ask(rows, RAW_SCORE, 1)

    def contributions(self, row: Sequence[float]) -> list[float]:
        """What each column adds to the score of one row, and at the end what is there without any.

        Exact TreeSHAP: Lundberg et al. 2020, 'From local explanations to global understanding' (algorithm 2).
        """
        return self._ask(memoryview(array("d", row)).cast("B"), CONTRIBUTIONS, self._columns + 1).tolist()

    def _ask(self, rows: memoryview, what: int, width: int) -> "array[float]":
        flat = rows.cast("B")
        number = len(flat) // (8 * self._columns)
        out, length = array("d", bytes(8 * number * width)), ctypes.c_int64(0)
        source = (ctypes.c_char * len(flat)).from_buffer(flat)
        target = (ctypes.c_double * len(out)).from_buffer(out)
        _succeed(
            self._library.LGBM_BoosterPredictForMat(
                *(self._handle, source, DOUBLE, number, self._columns, ROW_MAJOR, what, *ALL_TREES, ONE_THREAD),
                *(ctypes.byref(length), target),
            )
        )
        return out


# What goes wrong comes back as an error; the rest is talk.
_silent = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(lambda _: None)


def scorer_of(artifact: bytes) -> Scorer:
    """The scorer of a compiled model. VersionUnusable: the bytes are none, or its trees no trees."""
    compiled = CompiledModel.from_json(artifact)
    return Scorer(compiled, NativeTrees(compiled.trees) if compiled.trees else None)


@cache
def _library() -> ctypes.CDLL:
    spec = find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise VersionUnusable("LightGBM is not installed")
    library = ctypes.CDLL(str(Path(spec.origin).parent / "lib" / FILES.get(sys.platform, "lib_lightgbm.so")))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    library.LGBM_RegisterLogCallback(_silent)
    return library


def _error() -> str:
    said: bytes = _library().LGBM_GetLastError()
    return f"LightGBM: {said.decode(errors='replace')}"


def _succeed(code: int) -> None:
    if code:
        raise VersionUnusable(_error())
