"""The champion, and the alias `production`: moved by a verdict, and put back when the target changes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import takewhile

from readmit.core.production_history import last_in_production
from readmit.core.verdict import Verdict
from readmit.core.version import PROMOTE_STEP, Version
from readmit.io.registry.model_versions import Registry


def find_champion(challenger: Version, registry: Registry) -> Version | None:
    """Return the version to beat: the one in production, or the last one there for the challenger's target.

    A model of another target is not a champion, because it predicts something else. Nor is a version that was rolled
    back from, or one that left production before promotions were recorded.
    """
    production = registry.production()
    if production is not None and production.target == challenger.target and production.number != challenger.number:
        return production
    return last_in_production(registry.versions(), challenger.target, excluding=challenger.number)


def find_better(champion: Version | None, verdicts: Sequence[Verdict], registry: Registry) -> list[Version]:
    """Return the earlier versions that were better than the champion, best first, so that small losses can't add up.

    They are ordered by their skill on the test patients of their own day, and were promoted and not rolled back.
    """
    if champion is None:
        return []
    versions = {version.number: version for version in registry.versions() if not version.rolled_back}
    promoted = [verdict for verdict in verdicts if verdict.promoted and verdict.version in versions]
    ranked = [verdict.version for verdict in sorted(promoted, key=lambda verdict: -verdict.figures["skill"])]
    return [versions[number] for number in takewhile(lambda number: number != champion.number, ranked)]


def apply_verdict(verdict: Verdict, registry: Registry) -> None:
    """Write the verdict on the version's page, and put a promoted version into production."""
    outcome = "promoted" if verdict.promoted else "refused"
    registry.tag_figures(verdict.version, verdict.figures, f"{outcome}: {'; '.join(verdict.reasons)}")
    # After a crash the alias may have moved before the verdict was marked as applied, and been rolled back since.
    if verdict.promoted and not registry.version(verdict.version).rolled_back:
        _set_production(verdict.version, "; ".join(verdict.reasons), registry)


def restore_production(challenger: Version, registry: Registry) -> str | None:
    """Put the last production version of the target back, after days with another target. Return it if it moved."""
    production = registry.production()
    if production is not None and production.target == challenger.target:
        return None
    last = last_in_production(registry.versions(), challenger.target)
    if last is None:
        return None
    _set_production(last.number, f"the target is {challenger.target} again", registry)
    return last.number


def _set_production(version: str, why: str, registry: Registry) -> None:
    registry.set_production(version, PROMOTE_STEP, why, datetime.now(UTC))
