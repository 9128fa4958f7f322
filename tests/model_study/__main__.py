"""`just ops::model-study FILE`: compare the candidates and variations of one on UCI's file, and write docs/model.md."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from readmit.core.model import CANDIDATES
from tests.model_study.ccs import read_ccs
from tests.model_study.page import Study, page
from tests.model_study.study import compare_with, fit_variants, read_splits
from tests.model_study.variants import BASE, more_columns, of_candidate, other_settings, without_groups

PAGE = Path("docs/model.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit all variants and write the page."""
    parser = argparse.ArgumentParser(prog="just ops::model-study", description=__doc__)
    parser.add_argument("file", type=Path, help="UCI's diabetic_data.csv, or the zip that contains it")
    parser.add_argument("--ccs", type=Path, help="AHRQ's `AppendixASingleDX.txt`: try its categories of diagnoses, too")
    args = parser.parse_args(arguments)
    train, validation = read_splits(args.file)
    fitted = list(fit_variants(map(of_candidate, CANDIDATES), train, validation))
    base = next(each for each in fitted if each.name == BASE.name)
    ccs = None if args.ccs is None else read_ccs(args.ccs)
    study = Study(
        train=train.labels,
        validation=validation.labels,
        candidates=compare_with(base, fitted, validation),
        groups=compare_with(base, fit_variants(without_groups(), train, validation), validation),
        tried=compare_with(base, fit_variants([*other_settings(), *more_columns(ccs)], train, validation), validation),
    )
    PAGE.write_text(page(study), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
