"""Facts of a made version, for the tests of its card."""

from readmit.core.card.card_facts import CardFacts, Decision, LaterBatch, Performance, SubgroupResult
from readmit.core.card.training_facts import FlowFacts, GroupFacts, SplitFacts, TrainingFacts
from readmit.core.estimate import Estimate
from readmit.core.verdict import Interval
from readmit.core.version import Version

FIGURES = {
    "roc_auc": 0.68765,
    "pr_auc": 0.2212,
    "log_loss": 0.33456,
    "skill": 0.0634,
    "brier": 0.0952,
    "ece": 0.0071,
    "observed_expected": 0.9876,
    "base_rate": 0.1123,
    "accuracy": 0.78,
    "precision": 0.2154,
    "recall": 0.4321,
    "f1": 0.29,
    "flagged": 0.2013,
}
VERSION = Version("7", "lightgbm", "within_30_days", 1 / 7, 3, "the snapshot", "the code", "the run", scorer="5ca1e")
TRAINING = TrainingFacts(
    batches=(1, 3),
    set_aside=(2,),
    flow=FlowFacts(30_000, 45, 700),
    splits={
        "train": SplitFacts(20_500, 2_300, 15_000),
        "validation": SplitFacts(4_400, 490, 3_200),
        "test": SplitFacts(4_355, 489, 3_190),
    },
    fitted_on=("train", "validation"),
    not_recorded={"payer_code": 9_960, "race": 498, "diag_1": None, "diag_2": 13, "time_in_hospital": 0},
    groups=(GroupFacts("gender", ("Female",), 13_300, 1_480), GroupFacts("gender", ("Male", "?"), 11_600, 1_310)),
)
PERFORMANCE = Performance(FIGURES, Interval(0.6701, 0.7052))
NEW = CardFacts(VERSION, TRAINING, PERFORMANCE)
"""A challenger that passes all gates but has no verdict yet."""
COMPLETE = CardFacts(
    VERSION,
    TRAINING,
    PERFORMANCE,
    Decision("promoted", ("better than version 6",), "6", "2026-11-25 09:41", {"subgroup_roc_auc": None}, 3),
    (LaterBatch(4, 14_600, 1_640, {"roc_auc": Estimate(0.671, 0.66, 0.69), "ppv": Estimate(0.21, 0.2, 0.22)}),),
    (
        SubgroupResult("gender", ("Female",), 2_300, 260, {"roc_auc": Estimate(0.69, 0.66, 0.72)}),
        SubgroupResult("race", (), None, None, {}),
    ),
)
