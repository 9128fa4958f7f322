"""The code of the Lambda function, compared by its hash."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from aws.lambda_package import SOURCE, build_package, code_sha256

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class FunctionCode:
    """The code of the function that the stack creates."""

    label = "function code"

    def __init__(self, client: "LambdaClient", function: str) -> None:
        self._client, self._function = client, function
        self._package = build_package(SOURCE.read_bytes())

    def difference(self) -> str | None:
        """Return what is to be done, or None when the function has this code."""
        try:
            current = self._client.get_function_configuration(FunctionName=self._function)["CodeSha256"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return "upload"
            raise
        return None if current == code_sha256(self._package) else "upload"

    def apply(self) -> None:
        """Upload the code and wait until the function has it."""
        self._client.update_function_code(FunctionName=self._function, ZipFile=self._package)
        self._client.get_waiter("function_updated_v2").wait(FunctionName=self._function)

    def remains(self) -> str | None:
        """Return None: the code is deleted with the stack."""
        return None

    def remove(self) -> None:
        """Do nothing: the code is deleted with the stack."""
