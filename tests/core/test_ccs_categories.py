"""AHRQ's categories of diagnoses are read from its appendix, for UCI's codes of three digits, too."""

import pytest

from tests.model_study.ccs import UNKNOWN, CcsCategories

APPENDIX = """Appendix A - Clinical Classification Software-DIAGNOSES (January 1980 through September 2014)

Revised 07/23/2014

108  Congestive heart failure; nonhypertensive
     39891 4280 4281 42820 42821    
     4289                            

49   Diabetes mellitus without complication
     25000 25001 7902

102  Nonspecific chest pain
     78650 78651 78659

133  Other lower respiratory disease
     7862 78600
"""


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("428", "108"),
        ("428.0", "108"),
        ("250.01", "49"),
        ("250", "49"),
        ("786", "102"),
        ("786.2", "133"),
        ("V57", UNKNOWN),
    ],
)
def test_a_code_has_the_category_of_most_codes_that_begin_with_it(code: str, category: str) -> None:
    assert CcsCategories(APPENDIX).category(code) == category


def test_another_text_is_rejected() -> None:
    with pytest.raises(ValueError, match="no category with codes"):
        CcsCategories("ICD-9-CM CODE,CCS CATEGORY\n")
