"""Readmit's exceptions. Their texts are shown to users; a retry of a `final` one gives the same result."""

FORMER_NAMES = frozenset(
    {
        *("ContractBroken", "BatchRefused", "GapInBatches", "NotThereYet", "SourceAway", "StoreAway", "RegistryAway"),
        *("NotServed", "VersionUnknown", "RollbackRefused", "TablesUnfit", "QueryRefused"),
    }
)
"""Names of exceptions in release 0.1.0, as they are recorded in the ledgers of that time."""


class ReadmitError(Exception):
    """Base of Readmit's exceptions. `final`: a retry would give the same result, so none is made."""

    final = False


def error_message(recorded: str) -> str:
    """Return the text of an error recorded as `Type: text`, with its type if that is not defined here."""
    name, _, text = recorded.partition(": ")
    return text if name in globals() or name in FORMER_NAMES else f"{name}: {text}".removesuffix(": ")


class ContractViolated(ReadmitError):
    """The source delivered something other than it declared."""


class BatchRejected(ReadmitError):
    """A batch has too many invalid encounters for training; the text says how many and why."""

    final = True


class MissingBatches(ReadmitError):
    """A batch needs all earlier batches, and one of them is missing."""

    final = True


class LeaseLost(ReadmitError):
    """Another run has leased the batch; this run must not write to it any more."""

    final = True


class PrerequisiteMissing(ReadmitError):
    """The input of a step does not exist yet: an earlier step has to run first."""

    final = True


class SourceUnavailable(ReadmitError):
    """The data API, or the instance that runs it, does not respond."""


class SourceAccessDenied(ReadmitError):
    """The data API requires a token, or another one."""

    final = True


class InstanceNotFound(ReadmitError):
    """No EC2 instance that can be started matches the settings, or more than one does."""

    final = True


class BatchSetAside(ReadmitError):
    """An operator has set the batch aside, so no day runs on it; or it can't be set aside, or is not set aside."""

    final = True


class StoreUnavailable(ReadmitError):
    """The database or the S3 server does not respond, or refuses the connection."""


class RegistryUnavailable(ReadmitError):
    """The MLflow server does not respond, or responds with an error."""


class ProductionMissing(ReadmitError):
    """The registry has no version in production any more, though one is served."""


class ReloadUnconfirmed(ReadmitError):
    """An inference API does not confirm that it serves the production version."""


class TooFewEncounters(ReadmitError, ValueError):
    """A split is empty or contains only one outcome: no model can be evaluated on it."""

    final = True


class VersionUnusable(ReadmitError):
    """A version can't be loaded by this code, or its predictions differ from those recorded with it."""

    final = True


class UnknownVersion(ReadmitError):
    """The registry has no version with this number."""

    final = True


class EvaluationMissing(ReadmitError):
    """The version has no evaluation on the test split."""

    final = True


class RollbackRejected(ReadmitError):
    """There is no version to roll back to, it can't be served, or the operator or the reason is missing."""

    final = True


class SchemaMismatch(ReadmitError):
    """The tables of a database do not match the schema that this code expects."""

    final = True


class QueryRejected(ReadmitError):
    """The database does not accept a user's SQL query."""

    final = True
