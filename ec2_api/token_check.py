"""Authentication: the token that requests for rows must carry."""

import hmac

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Request

PROTECTED_ENDPOINTS = frozenset(("batches", "batch", "get_data"))
"""The page, the health and the metrics need no token: they show no row."""
MESSAGE = "the data API's token is required in the header 'Authorization: Bearer <token>' (READMIT_SOURCE_TOKEN)"


def check_token(request: Request, endpoint: str | None, token: str | None) -> None:
    """Check the token of a request, in constant time. Raises Unauthorized when it is missing or wrong."""
    if token is None or endpoint not in PROTECTED_ENDPOINTS:
        return
    authorization = request.headers.get("Authorization", "").encode("latin-1")
    if not hmac.compare_digest(authorization, f"Bearer {token}".encode()):
        raise Unauthorized(MESSAGE, www_authenticate=WWWAuthenticate("Bearer"))
