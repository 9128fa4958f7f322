"""Who may ask what: an API key for predictions where one is set, the reload token for whatever changes something."""

import hmac
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api.errors import ApiError
from readmit.settings import SettingError, Settings

KEY_HEADER = b"x-api-key"

Connection = ASGIConnection[Any, Any, Any, Any]


class Authenticator:
    """Compares in the same time whatever is given, so that nobody can feel his way to a secret."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = None if settings.api_key is None else settings.secret("api_key").encode()

    @property
    def keyed(self) -> bool:
        """Whether predictions ask for a key."""
        return self._key is not None

    def key_is_valid(self, key: bytes) -> bool:
        """Whether who shows this key, or none, may have predictions."""
        return self._key is None or hmac.compare_digest(key, self._key)

    def check_key(self, connection: Connection) -> None:
        """Refused: 401, the caller may have no predictions."""
        given = connection.headers.get(KEY_HEADER.decode(), "").encode("latin-1")
        if not self.key_is_valid(given):
            raise ApiError(401, "X-API-Key with the API key is required", headers={"WWW-Authenticate": "ApiKey"})

    def check_token(self, connection: Connection) -> None:
        """Refused: 401, the caller may change nothing."""
        challenge = {"WWW-Authenticate": "Bearer"}
        try:
            token = self._settings.secret("reload_token")
        except SettingError as error:
            raise ApiError(401, f"nobody may change what is served: {error}", headers=challenge) from error
        given = connection.headers.get("authorization", "").encode("latin-1")
        if not token or not hmac.compare_digest(given, f"Bearer {token}".encode()):
            raise ApiError(401, "Authorization: Bearer with the reload token is required", headers=challenge)


def with_key(connection: Connection, _: BaseRouteHandler) -> None:
    """Litestar's guard of what is read."""
    connection.app.state.doors.check_key(connection)


def with_token(connection: Connection, _: BaseRouteHandler) -> None:
    """Litestar's guard of what is changed."""
    connection.app.state.doors.check_token(connection)
