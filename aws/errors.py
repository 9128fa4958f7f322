"""Errors of the recipes `aws::...`, and AWS's own errors as sentences."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    LoginError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

INVALID_CREDENTIALS = (
    *("InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "SignatureDoesNotMatch"),
    *("ExpiredToken", "ExpiredTokenException"),
)
NOT_ALLOWED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
NO_CREDENTIALS = (
    *(NoCredentialsError, PartialCredentialsError, ProfileNotFound, CredentialRetrievalError),
    *(SSOError, LoginError, TokenRetrievalError),
)
HOW_TO_LOG_IN = "run aws configure or aws sso login, or set AWS_PROFILE (to try it without an account: just aws::try)"


class AwsCommandError(Exception):
    """A recipe can't do its work; the message says why and what to do."""


def explain(error: BotoCoreError | ClientError) -> str:
    """Return an error of boto3 as one sentence that says what to do."""
    if isinstance(error, NO_CREDENTIALS):
        return f"no usable AWS credentials ({str(error).rstrip('.')}): {HOW_TO_LOG_IN}"
    if isinstance(error, ConnectionError):
        return f"AWS can't be reached: {error}"
    if not isinstance(error, ClientError):
        return f"AWS: {error}"
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in INVALID_CREDENTIALS:
        return f"AWS rejects these credentials ({code}): {HOW_TO_LOG_IN}"
    if code in NOT_ALLOWED:
        return f"these credentials are not allowed to do this ({error.operation_name}): {message}"
    return f"AWS refused {error.operation_name} ({code}): {message}"
