"""The layout of the patient page: form and answer beside each other in a wide window, below each other on a phone."""

import pytest
from playwright.sync_api import FloatRect

from tests.browser.conftest import OpenVisitor
from tests.browser.page import Visitor
from tests.browser.test_person import predict_patient
from ui.icd9_picker import option_label
from ui.patient_layout import ANSWER, FORM, WIDE_PIXELS

pytestmark = pytest.mark.browser
MAX_FORM_PIXELS = 1400
LAPTOP = {"width": WIDE_PIXELS, "height": 800}
PHONE = {"width": 390, "height": 844}
DIAGNOSES = {"diag_1": "428", "diag_2": "250.6", "diag_3": "585"}
"""Each has the title of its chapter below it on the form, the second one of two lines."""
MAIN = "document.querySelector('[data-testid=stMain]')"


def resize(visitor: Visitor, size: dict[str, int]) -> None:
    visitor.page.set_viewport_size({"width": size["width"], "height": size["height"]})
    visitor.settle()


def box_of(visitor: Visitor, key: str) -> FloatRect:
    box = visitor.page.locator(f".st-key-{key}").bounding_box()
    assert box is not None
    return box


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_form_with_three_diagnoses_and_its_page_fit_into_1400_pixels_at_1280_pixels_of_width(
    open_visitor: OpenVisitor, language: str
) -> None:
    visitor = open_visitor(language)
    resize(visitor, LAPTOP)
    visitor.open("patient")
    for name, code in DIAGNOSES.items():
        visitor.choose(visitor.t.label(name), option_label(visitor.t, code), by=code)
    assert box_of(visitor, FORM)["height"] <= MAX_FORM_PIXELS
    assert visitor.page.evaluate(f"{MAIN}.scrollHeight") <= MAX_FORM_PIXELS


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_answer_stays_in_view_beside_the_form_to_the_end_of_the_form(
    open_visitor: OpenVisitor, language: str
) -> None:
    visitor = open_visitor(language)
    resize(visitor, LAPTOP)
    predict_patient(visitor)
    visitor.page.evaluate(f"{MAIN}.scrollTo(0, {MAIN}.scrollHeight)")
    visitor.page.wait_for_function(f"{MAIN}.scrollTop > 0")
    form, answer = box_of(visitor, FORM), box_of(visitor, ANSWER)
    assert form["x"] + form["width"] < answer["x"]
    assert form["y"] + form["height"] <= LAPTOP["height"]
    decision = visitor.page.get_by_role("status").filter(has_text=visitor.t("prediction.yes")).bounding_box()
    assert decision is not None
    assert 0 <= decision["y"] < decision["y"] + decision["height"] <= LAPTOP["height"]
    assert decision["x"] + decision["width"] <= LAPTOP["width"]
    visitor.screenshot(f"beside-{language}")


def test_the_end_of_the_answer_can_be_reached_beside_the_form(open_visitor: OpenVisitor) -> None:
    visitor = open_visitor()
    resize(visitor, LAPTOP)
    predict_patient(visitor)
    last = visitor.page.get_by_role("combobox", name=visitor.t("what_if.field"))
    last.scroll_into_view_if_needed()
    box = last.bounding_box()
    assert box is not None
    # Positions are in fractions of a pixel, but a page scrolls by whole ones.
    assert 0 <= box["y"] < box["y"] + box["height"] < LAPTOP["height"] + 1


def test_on_a_phone_the_answer_follows_the_form_in_one_column(open_visitor: OpenVisitor) -> None:
    visitor = open_visitor()
    resize(visitor, PHONE)
    predict_patient(visitor)
    form, answer = box_of(visitor, FORM), box_of(visitor, ANSWER)
    assert form["y"] + form["height"] < answer["y"]
    assert form["x"] == answer["x"]
    assert form["width"] == answer["width"] <= PHONE["width"]
    assert visitor.page.evaluate(f"{MAIN}.scrollWidth <= {MAIN}.clientWidth")
    fields = [
        visitor.page.get_by_role("spinbutton", name=visitor.t.label(name)).first.bounding_box()
        for name in ("number_outpatient", "number_emergency", "number_inpatient")
    ]
    assert len({box["x"] for box in fields if box is not None}) == 1
    assert visitor.accessibility_violations() == []
