"""Authentication: an optional API key for predictions and reads, the reload token for changes."""

import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api.errors import ApiError
from readmit.settings import SettingError, Settings

KEY_HEADER = b"x-api-key"

Connection = ASGIConnection[Any, Any, Any, Any]


class Authenticator:
    """Checks of the API key and the reload token, in constant time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = None if settings.api_key is None else settings.secret("api_key").encode()

    def key_is_valid(self, key: bytes) -> bool:
        """Return whether this key, empty for none, gives access to predictions."""
        return self._key is None or hmac.compare_digest(key, self._key)

    def check_api_key(self, connection: Connection) -> None:
        """Check the API key of a request. Raises ApiError with status 401 when it is missing or wrong."""
        key = connection.headers.get(KEY_HEADER.decode(), "").encode("latin-1")
        if not self.key_is_valid(key):
            message = "a valid API key is required in the X-API-Key header"
            raise ApiError(401, message, headers={"WWW-Authenticate": "ApiKey"})

    def check_reload_token(self, connection: Connection) -> None:
        """Check the reload token of a request. Raises ApiError with status 401 when it is missing or wrong."""
        challenge = {"WWW-Authenticate": "Bearer"}
        try:
            token = self._settings.secret("reload_token")
        except SettingError as error:
            raise ApiError(401, f"this route is disabled: {error}", headers=challenge) from error
        authorization = connection.headers.get("authorization", "").encode("latin-1")
        if not token or not hmac.compare_digest(authorization, f"Bearer {token}".encode()):
            message = "the reload token is required in the header 'Authorization: Bearer <token>'"
            raise ApiError(401, message, headers=challenge)


def require_api_key(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard the routes that read: Litestar calls this before the handler."""
    connection.app.state.authenticator.check_api_key(connection)


def require_reload_token(connection: Connection, _: BaseRouteHandler) -> None:
    """Guard the routes that change something: Litestar calls this before the handler."""
    connection.app.state.authenticator.check_reload_token(connection)
