"""A champion that `promote` cannot use, or that has no note or hash."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sklearn.metrics import log_loss

from readmit import challenger_verdict
from readmit.core.dataset import Dataset
from readmit.core.errors import ReadmitError, RegistryUnavailable, VersionUnusable
from readmit.core.model import model_input, probabilities
from readmit.core.reference_model import ReferenceModel
from readmit.io.database import promotions
from readmit.retry import is_retryable
from readmit.steps import promote
from tests.api.conftest import FittedVersion, additive, served
from tests.steps.fake_registry import WITHIN, FakeModel, FakeRegistry, register, registry

__all__ = ["additive", "registry", "served"]


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (VersionUnusable("version 1: model.skops has SHA-256 0f, not 1e as registered"), False),
        (RegistryUnavailable("MLflow at http://mlflow:5000: no answer"), True),
    ],
)
def test_a_champion_that_can_not_be_loaded_stops_the_promotion_and_stays_in_production(
    error: ReadmitError, retryable: bool, registry: FakeRegistry
) -> None:
    register(registry, 1, 0.3)
    promote.run(1, WITHIN)
    registry.broken["1"] = error
    register(registry, 2, 0.6)
    with pytest.raises(type(error), match=str(error)) as raised:
        promote.run(2, WITHIN)
    assert is_retryable(raised.value) is retryable
    assert registry.alias == "1"
    assert promotions.get_verdict("2") is None


def test_the_error_for_an_unusable_champion_gives_a_remedy_that_works(registry: FakeRegistry) -> None:
    register(registry, 1, 0.3)
    promote.run(1, WITHIN)
    registry.broken["1"] = VersionUnusable("version 1 can't be read")
    register(registry, 2, 0.6)
    with pytest.raises(VersionUnusable, match=r"`just rollback NUMBER --why ...` \(NUMBER may be 2\)"):
        promote.run(2, WITHIN)
    registry.roll_back(to="2")
    assert promote.run(2, WITHIN)["outcome"] == "provisional"
    assert registry.alias == "2"


@pytest.fixture
def champion_without_model_hash(
    registry: FakeRegistry,
    served: FittedVersion,
    additive: FittedVersion,
    random_encounters: Callable[[int], dict[str, list[str | int]]],
    monkeypatch: pytest.MonkeyPatch,
) -> Dataset:
    """Register a champion without a model hash and a challenger, both real models; return the test patients."""
    registry.artifacts = {"1": served.artifact, "2": additive.artifact}
    columns = random_encounters(300)
    labels = [int(int(stays) > 5) for stays in columns["number_inpatient"]]
    test = Dataset(model_input(columns), labels, [str(row) for row in range(300)])
    monkeypatch.setattr(challenger_verdict, "_test_patients", lambda *_: test)
    for batch in (1, 2):
        register(registry, batch, 0.5)
    registry.stored["1"] = replace(registry.stored["1"], model_file="")
    registry.set_production("1", "promote", "first", datetime.now(UTC))
    return test


def test_a_champion_without_model_hash_is_judged_by_its_compiled_model(
    champion_without_model_hash: Dataset, served: FittedVersion, additive: FittedVersion
) -> None:
    promote.run(2, WITHIN)
    verdict = promotions.get_verdict("2")
    assert verdict is not None
    assert verdict.rival == "1"
    for figures, pipeline in ((verdict.figures, additive.pipeline), (verdict.rival_figures, served.pipeline)):
        predicted = probabilities(pipeline, champion_without_model_hash.encounters)
        assert figures["log_loss"] == pytest.approx(log_loss(champion_without_model_hash.labels, predicted), abs=1e-7)


@pytest.mark.usefixtures("champion_without_model_hash")
def test_a_champion_without_any_hash_stops_the_promotion(registry: FakeRegistry) -> None:
    registry.stored["1"] = replace(registry.stored["1"], scorer="")
    with pytest.raises(VersionUnusable, match=r"version 2 is not promoted.*version 1 can't be served"):
        promote.run(2, WITHIN)
    assert registry.alias == "1"


def test_a_version_in_production_without_a_promotion_note_is_the_champion(
    registry: FakeRegistry,
) -> None:
    register(registry, 1, 0.6)
    promote.run(1, WITHIN)
    registry.stored["1"] = replace(registry.stored["1"], promoted_note=None)
    register(registry, 2, 0.4)
    assert promote.run(2, WITHIN)["outcome"] == "refused"
    assert registry.alias == "1"


def test_a_challenger_is_also_compared_with_the_best_earlier_version(registry: FakeRegistry) -> None:
    for batch, share in enumerate((0.3, 0.62, 0.6, 0.61), start=1):
        register(registry, batch, share)
        assert promote.run(batch, WITHIN)["outcome"] in ("provisional", "promoted")
    verdicts = [promotions.get_verdict(number) for number in "1234"]
    assert [verdict and (verdict.rival, verdict.best, verdict.consultations) for verdict in verdicts] == [
        (None, None, 1),
        ("1", None, 2),
        ("2", None, 3),
        ("3", "2", 4),
    ]


def test_better_versions_that_cannot_be_loaded_are_named_and_the_next_best_is_compared(registry: FakeRegistry) -> None:
    for batch, share in enumerate((0.62, 0.61, 0.6, 0.605), start=1):
        register(registry, batch, share)
        registry.broken = {} if batch < 4 else {"1": VersionUnusable("version 1: damaged")}
        assert promote.run(batch, WITHIN)["outcome"] in ("provisional", "promoted")
    verdict = promotions.get_verdict("4")
    assert verdict is not None
    assert (verdict.rival, verdict.best) == ("3", "2")
    assert verdict.reasons[1:] == ("not compared with version 1, which was better: version 1: damaged",)
    assert verdict.reasons[1] in registry.descriptions["4"]


def test_a_refused_or_rolled_back_version_is_never_the_best(registry: FakeRegistry) -> None:
    register(registry, 1, 0.4)
    promote.run(1, WITHIN)
    register(registry, 2, 0.8)
    promote.run(2, WITHIN)
    registry.roll_back()
    leaking = register(registry, 3, 0.4)
    registry.models[leaking] = FakeModel(0.4, leak=0.6)
    assert "plausible_roc_auc" in str(promote.run(3, WITHIN)["reason"])
    register(registry, 4, 0.45)
    promote.run(4, WITHIN)
    verdict = promotions.get_verdict("4")
    assert verdict is not None
    assert (verdict.rival, verdict.best, verdict.consultations) == ("1", None, 4)


def test_the_reference_model_of_the_challenger_is_a_gate(registry: FakeRegistry) -> None:
    number = register(registry, 1, 0.5)
    registry.references[number] = ReferenceModel(-2.0, (0.0,) * 5)
    promote.run(1, WITHIN)
    verdict = promotions.get_verdict(number)
    assert verdict is not None
    assert verdict.gates["reference_model"] is None
