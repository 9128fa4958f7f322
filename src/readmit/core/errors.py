"""Our own errors: each says in words what is wrong; `final` ones give the same result when tried again."""


class ReadmitError(Exception):
    """Base of our own errors. `final`: another try gives the same result, so none is made."""

    final = False


def in_words(noted: str) -> str:
    """An error as the ledger notes it, `Kind: text`, for a reader: one of ours says all in its text."""
    kind, _, text = noted.partition(": ")
    return text if kind in globals() else f"{kind}: {text}".removesuffix(": ")


class ContractViolated(ReadmitError):
    """The source did not hand out what it declared."""


class BatchRejected(ReadmitError):
    """A batch is too damaged to be learnt from; the text says how much of it and why."""

    final = True


class MissingBatches(ReadmitError):
    """'So far' means batches 1 to n, and one of them is not there."""

    final = True


class LeaseLost(ReadmitError):
    """The batch is in another run's hands; this run must not touch it any more."""

    final = True


class PrerequisiteMissing(ReadmitError):
    """What a step needs was not made yet: an earlier step has to run first."""

    final = True


class SourceUnavailable(ReadmitError):
    """The data API, or the instance that runs it, does not answer."""


class StoreUnavailable(ReadmitError):
    """The database or the S3 server does not answer, or refuses us."""


class RegistryUnavailable(ReadmitError):
    """The MLflow server does not answer, or not as it should."""


class ReloadUnconfirmed(ReadmitError):
    """An inference API does not confirm that it serves the production version."""


class TooFewEncounters(ReadmitError, ValueError):
    """A split holds one outcome alone, or nothing: no model can be judged on it."""

    final = True


class VersionUnusable(ReadmitError):
    """A version can't be loaded by this code, or says other than it said when it was made."""

    final = True


class UnknownVersion(ReadmitError):
    """The registry has no version of that number."""

    final = True


class RollbackRejected(ReadmitError):
    """There is no version to go back to, or none that can be served, or it is not said who asks and why."""

    final = True


class SchemaMismatch(ReadmitError):
    """The tables of a database are not those that this code works with."""

    final = True


class QueryRejected(ReadmitError):
    """A person's question in SQL is not one that the database answers."""

    final = True
