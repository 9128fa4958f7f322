"""Model cards: every item of both lists, filled from the facts of a version or literally not available."""

import json
import math
import re
from dataclasses import replace

import pytest

from readmit.core.card.card_catalogue import PLACEHOLDER, ItemSpec
from readmit.core.card.card_completeness import add_card_gate, incomplete_card
from readmit.core.card.card_facts import CardFacts, Performance
from readmit.core.card.card_markdown import card_to_markdown
from readmit.core.card.card_tables import TABLES
from readmit.core.card.model_card import CardItem, ModelCard, build_card
from readmit.core.card.number_text import NumberText
from readmit.core.card.training_facts import TrainingFacts
from readmit.core.verdict import Curves, Interval, Verdict
from readmit.core.version import Version
from readmit.io.card_files import load_catalogue
from tests.card_facts import COMPLETE, FIGURES, NEW, TRAINING, VERSION

CATALOGUE = load_catalogue()
LANGUAGES = list(CATALOGUE.languages)
ENGLISH, SPANISH = CATALOGUE.languages["en"], CATALOGUE.languages["es"]
HTI_1 = {"B1": 4, "B2": 4, "B3": 2, "B4": 4, "B5": 2, "B6": 4, "B7": 5, "B8": 4, "B9": 2}
"""Source attributes in each paragraph of 45 CFR 170.315(b)(11)(iv)(B)."""
TRIPOD_AI = (
    *(
        "1",
        "2",
        "3a",
        "3b",
        "3c",
        "4",
        "5a",
        "5b",
        "6a",
        "6b",
        "6c",
        "7",
        "8a",
        "8b",
        "8c",
        "9a",
        "9b",
        "9c",
        "10",
        "11",
    ),
    *("12a", "12b", "12c", "12d", "12e", "12f", "12g", "13", "14", "15", "16", "17"),
    *("18a", "18b", "18c", "18d", "18e", "18f", "19", "20a", "20b", "20c", "21", "22", "23a", "23b", "24"),
    *("25", "26", "27a", "27b", "27c"),
)
PPV = "21.0\N{NO-BREAK SPACE}% (20.0\N{NO-BREAK SPACE}% to 22.0\N{NO-BREAK SPACE}%)"
OLD = CardFacts(Version("1", "lightgbm", "any", 0.5, 1, "s", "c", "r"), None, Performance({}, None))
"""A version from before there were verdicts and cards."""


def card_of(facts: CardFacts, language: str = "en") -> ModelCard:
    return build_card(facts, CATALOGUE, language)


def item_of(facts: CardFacts, item_id: str, language: str = "en") -> CardItem:
    return next(item for section in card_of(facts, language).sections for item in section.items if item.id == item_id)


def text_of(facts: CardFacts, item_id: str, language: str = "en") -> str:
    return "\n".join(item_of(facts, item_id, language).text)


def test_every_source_attribute_of_hti_1_is_an_item() -> None:
    numerals = ("i", "ii", "iii", "iv", "v")
    expected = [f"{paragraph}.{numeral}" for paragraph, count in HTI_1.items() for numeral in numerals[:count]]
    assert [item.id for item in CATALOGUE.of("hti_1")] == expected
    assert len(expected) == 31


def test_every_item_of_tripod_ai_is_an_item() -> None:
    assert tuple(item.id for item in CATALOGUE.of("tripod_ai")) == TRIPOD_AI
    assert len({re.sub("[a-g]$", "", item_id) for item_id in TRIPOD_AI}) == 27
    assert len(TRIPOD_AI) == 52


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("facts", [COMPLETE, NEW, OLD], ids=["complete", "new", "old"])
def test_each_item_is_filled_or_literally_not_available(facts: CardFacts, language: str) -> None:
    not_available = {"en": "not available", "es": "no disponible"}[language]
    for section in card_of(facts, language).sections:
        for item in section.items:
            assert item.title
            assert (item.text == (not_available,)) is not item.available
            assert item.available or item.table is None
            assert not any(PLACEHOLDER.search(sentence) for sentence in item.text), item.id


@pytest.mark.parametrize("item", CATALOGUE.items, ids=lambda item: item.key)
def test_what_fills_an_item_exists(item: ItemSpec) -> None:
    own = {other.id: other for other in CATALOGUE.of("readmit")}
    assert set(item.statements) <= ENGLISH.statements.keys()
    assert set(item.see) <= own.keys()
    assert item.table is None or item.table in TABLES
    assert set(item.required) <= {*item.statements, item.table}
    assert not any(own[name].see for name in item.see)


def test_both_languages_have_the_same_items_and_texts() -> None:
    for family in ("texts", "names", "columns", "statements"):
        english, spanish = getattr(ENGLISH, family), getattr(SPANISH, family)
        assert list(english) == list(spanish)
        for key, text in english.items():
            assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(spanish[key])), key
    assert list(SPANISH.titles) == [item.key for item in CATALOGUE.items]
    used = {name for item in CATALOGUE.items for name in item.statements}
    assert used == ENGLISH.statements.keys()
    for facts in (COMPLETE, NEW, OLD):
        english, spanish = card_of(facts), card_of(facts, "es")
        for sections in zip(english.sections, spanish.sections, strict=True):
            pairs = zip(sections[0].items, sections[1].items, strict=True)
            assert all(
                (one.id, one.available, len(one.text)) == (other.id, other.available, len(other.text))
                and (one.table is None) == (other.table is None)
                for one, other in pairs
            )


def test_the_figures_of_a_card_are_those_of_the_run() -> None:
    assert card_of(COMPLETE).figures == FIGURES
    performance = text_of(COMPLETE, "performance")
    for figure in ("ROC-AUC 0.688", "0.670 to 0.705", "log loss 0.3346", "Brier score 0.095", "expected 0.988"):
        assert figure in performance
    for figure in ("20.1\N{NO-BREAK SPACE}% of the test", "21.5\N{NO-BREAK SPACE}% of the flagged", "43.2"):
        assert figure in performance
    assert "consulted 3 times" in performance
    assert "4,355 encounters of 3,190 patients" in performance
    assert "0,688" in text_of(COMPLETE, "performance", "es")


def test_a_figure_that_is_not_a_number_is_null_and_leaves_its_sentence_out() -> None:
    facts = replace(NEW, performance=replace(NEW.performance, figures={**FIGURES, "log_loss": math.nan}))
    card = card_of(facts)
    assert card.figures["log_loss"] is None
    assert "nan" not in card_to_markdown(card).lower().split()
    assert "ROC-AUC" not in text_of(facts, "performance")


def test_the_training_data_are_those_of_the_version() -> None:
    text = text_of(COMPLETE, "training_data")
    assert "24,900 encounters of 18,200 patients in batches 1, 3 (splits train and validation)" in text
    assert "2,790 (11.2\N{NO-BREAK SPACE}%) were followed by a readmission within 30 days of discharge" in text
    assert "not used: 2." in text
    assert "30,000 encounters. 45 violated" in text
    table = item_of(COMPLETE, "training_data").table
    assert table is not None
    assert table.rows[1] == ("gender", "Male, not recorded", "11,600", "11.3\N{NO-BREAK SPACE}%")


def test_missing_data_are_listed_by_field_without_small_cells() -> None:
    table = item_of(COMPLETE, "inputs").table
    assert table is not None
    cells = {field: (request, share) for field, request, share in table.rows}
    assert cells == {
        "payer_code": ("optional", "40.0\N{NO-BREAK SPACE}%"),
        "race": ("optional", "2.0\N{NO-BREAK SPACE}%"),
        "diag_1": ("optional", "not shown (1 to 10)"),
        "diag_2": ("optional", "<\N{NO-BREAK SPACE}0.1\N{NO-BREAK SPACE}%"),
        "time_in_hospital": ("required", "0.0\N{NO-BREAK SPACE}%"),
    }


def test_the_horizon_of_cms_is_named_only_for_its_target() -> None:
    assert "CMS" in text_of(NEW, "label")
    assert "CMS" not in text_of(replace(NEW, version=replace(VERSION, target="any")), "label")


def test_the_change_plan_separates_what_changes_unattended_from_what_never_does() -> None:
    unattended, attended = item_of(NEW, "change_plan").text
    assert unattended.startswith("May change without a person")
    assert {"weights", "kind"} <= set(re.findall(r"\w+", unattended))
    assert attended.startswith("Never changes without a person: the target, the input fields and the threshold.")


def test_prospective_results_and_subgroups_are_not_available_until_they_are_known() -> None:
    for name in ("prospective", "subgroups"):
        assert not item_of(NEW, name).available
        assert item_of(COMPLETE, name).available
    table = item_of(COMPLETE, "prospective").table
    assert table is not None
    assert table.columns == ("Batch", "Encounters", "Readmitted", "ROC-AUC", "PPV")
    assert table.rows == (("4", "14,600", "1,640", "0.671 (0.660 to 0.690)", PPV),)
    hidden = item_of(COMPLETE, "subgroups").table
    assert hidden is not None
    assert hidden.rows[1][2:4] == ("not shown (1 to 10)",) * 2


def test_an_item_refers_only_to_items_that_are_filled() -> None:
    assert text_of(NEW, "B8.ii") == "not available"
    assert text_of(COMPLETE, "B8.ii") == "See: 'Prospective results'."
    assert "subgroup" not in text_of(NEW, "23a")


def test_external_validation_is_not_claimed() -> None:
    for item_id in ("B6.i", "B6.ii", "B6.iii", "B6.iv", "B7.iii", "B7.iv", "B7.v"):
        assert not item_of(COMPLETE, item_id).available


def test_no_text_claims_compliance() -> None:
    for texts in (ENGLISH, SPANISH):
        claims = re.compile(r"\b(compliant|complies|certified for|cumple con|conforme a)\b", re.IGNORECASE)
        assert [text for text in (*texts.texts.values(), *texts.statements.values()) if claims.search(text)] == []
    assert "no claim of compliance" in ENGLISH.texts["note"]


def test_the_card_of_an_old_version_has_what_is_known_of_it() -> None:
    assert "candidate lightgbm, code revision c" in text_of(OLD, "model")
    assert text_of(OLD, "performance") == "not available"
    assert item_of(OLD, "inputs").table is None
    assert not item_of(OLD, "verdict").available


def test_a_version_whose_card_is_complete_is_not_refused() -> None:
    assert incomplete_card(NEW, CATALOGUE) is None


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        (replace(NEW, training=None), "training_data lacks training_rows, splits"),
        (replace(NEW, training=replace(TRAINING, not_recorded={})), "inputs lacks not_recorded"),
        (
            replace(NEW, training=replace(TRAINING, splits={}, fitted_on=())),
            "training_data lacks training_rows, splits",
        ),
        (replace(NEW, performance=Performance(FIGURES, None)), "performance lacks performance"),
        (replace(NEW, version=replace(VERSION, candidate="")), "model lacks model"),
        (replace(NEW, version=replace(VERSION, target="new")), "training_data lacks training_rows"),
    ],
)
def test_an_empty_required_item_refuses_the_promotion_and_is_named(facts: CardFacts, missing: str) -> None:
    assert incomplete_card(facts, CATALOGUE) == f"the model card is incomplete: its item {missing}"


def test_the_gate_of_the_card_adds_its_reason_to_a_verdict_and_refuses_it() -> None:
    interval, curve = Interval(0.67, 0.71), ((0.0, 0.0), (1.0, 1.0))
    promoted = Verdict(
        *(True, True, ("first model",), "7", None, FIGURES, {}, interval, None, None, Curves(curve, curve, curve)),
        gates={"first_skill": None},
    )
    complete = add_card_gate(promoted, None)
    assert complete == replace(promoted, gates={"first_skill": None, "complete_card": None})
    refused = add_card_gate(promoted, "it lacks something")
    assert (refused.outcome, refused.reasons) == ("refused", ("complete_card: it lacks something",))
    assert refused.gates["complete_card"] == "it lacks something"
    twice = add_card_gate(
        replace(promoted, promoted=False, provisional=False, reasons=("worse",)), "it lacks something"
    )
    assert twice.reasons == ("worse", "complete_card: it lacks something")


def test_the_gates_of_a_version_are_listed_with_their_result() -> None:
    assert COMPLETE.decision is not None
    gates = {"observed_expected": "too high", "subgroup_roc_auc": None}
    table = item_of(replace(COMPLETE, decision=replace(COMPLETE.decision, gates=gates)), "verdict").table
    assert table is not None
    assert table.rows == (("observed_expected", "too high"), ("subgroup_roc_auc", "passed"))


def test_the_gates_on_subgroups_are_named_only_where_they_were_applied() -> None:
    assert "subgroup_roc_auc" in text_of(COMPLETE, "B8.iii")
    assert text_of(NEW, "B8.iii") == "not available"


def test_training_facts_survive_json() -> None:
    assert TrainingFacts.from_json(TRAINING.to_json()) == TRAINING
    without = replace(TRAINING, flow=None, set_aside=())
    assert TrainingFacts.from_json(without.to_json()) == without
    with pytest.raises(KeyError):
        TrainingFacts.from_json(json.dumps({"batches": []}))


@pytest.mark.parametrize("language", LANGUAGES)
def test_markdown_has_every_item_and_no_text_takes_effect_as_markup(language: str) -> None:
    named = replace(VERSION, candidate="a|b *c* <script> _d_ [e](f)\n# g")
    card = card_of(replace(COMPLETE, version=named), language)
    text = card_to_markdown(card)
    assert text.count("\n### ") == 14 + 31 + 52
    assert re.search(r"(?<!\\)[*<\[]", text) is None
    assert "\n# g" not in text
    assert "### B4.ii " in text
    assert "### 12c " in text


def test_numbers_follow_the_customs_of_the_language() -> None:
    assert (NumberText(False).decimal(-1234.5, 1), NumberText(True).decimal(1234.5, 1)) == (
        "\N{MINUS SIGN}1,234.5",
        "1.234,5",
    )
    assert NumberText(True).percent(0.1234) == "12,3\N{NO-BREAK SPACE}%"
    assert NumberText(False).decimal(math.inf) is None
