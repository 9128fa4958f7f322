"""Security of Locust's web UI: login, fixed target, no cross-site requests, security headers."""

import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, abort, redirect, request, session, url_for
from flask_login import UserMixin, login_user
from locust.web import WebUI
from werkzeug.wrappers import Response as BaseResponse

from errors import LoadRefused
from readmit.core.host_header import host_name, origin_host

USER = "admin"
HOSTS = frozenset({"locust", "localhost", "127.0.0.1", "[::1]"})
SECURITY_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "frame-ancestors 'none'"),
    # Not `no-referrer`: with it browsers send `Origin: null` even for the login form itself.
    ("Referrer-Policy", "same-origin"),
]
START_FIELDS = frozenset({"user_count", "spawn_rate", "run_time", "host", "profile"})
"""Fields that the start form may set. Locust itself accepts any command-line option."""

WSGI = Callable[..., Iterable[bytes]]
WriteBody = Callable[[bytes], object]


class Operator(UserMixin):
    """The only user of the web UI."""

    id = USER


class SameOriginGuard:
    """WSGI middleware that rejects foreign hosts (400) and origins (403), disables CORS and sets security headers."""

    def __init__(self, app: WSGI) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., WriteBody]) -> Iterable[bytes]:
        """Reject the request, or pass it on and set the security headers."""

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> WriteBody:
            safe_headers = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
            return start_response(status, safe_headers + SECURITY_HEADERS, exc_info)

        rejection = _rejection(environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN"))
        return self._app(environ, start) if rejection is None else rejection(environ, start)


def _rejection(host: str, origin: str | None) -> Response | None:
    if host_name(host) not in HOSTS:
        return Response("The Host header is not allowed.", 400, mimetype="text/plain")
    if origin is not None and origin_host(origin) != host.lower():
        return Response("Cross-origin requests are not allowed.", 403, mimetype="text/plain")
    return None


def secure(page: WebUI, password: str | None) -> None:
    """Add a login, fix the target host and reject cross-site requests.

    Raises LoadRefused when Locust was started without --web-login, without a password or without a host.
    """
    if not page.web_login:
        raise LoadRefused("Locust's web UI needs a login: start it with --web-login")
    if not password:
        raise LoadRefused(
            "Locust's web UI needs a password: set READMIT_LOCUST_PASSWORD or READMIT_LOCUST_PASSWORD_FILE"
        )
    if not page.environment.host:
        raise LoadRefused("The target host is not set: start Locust with --host or LOCUST_HOST")
    assert page.app is not None
    page.app.debug = False
    page.app.config.update(
        # A new key per process: sessions end with it.
        SECRET_KEY=secrets.token_bytes(32),
        SESSION_COOKIE_NAME="readmit_locust",
        SESSION_COOKIE_SAMESITE="Strict",
    )
    _add_login(page, password)
    runner = page.environment.runner
    assert runner is not None
    page.app.add_url_rule("/health", "health", lambda: {"state": runner.state})
    page.app.before_request(_start_check(page.environment.host))
    page.app.wsgi_app = SameOriginGuard(page.app.wsgi_app)  # type: ignore[method-assign]  # WSGI middleware


def _add_login(page: WebUI, password: str) -> None:
    assert page.app is not None
    page.auth_args = {"username_password_callback": "/login"}
    page.login_manager.user_loader(lambda user: Operator() if user == USER else None)
    page.login_manager.unauthorized_handler(_unauthorized)

    @page.app.post("/login")
    def log_in() -> BaseResponse:
        entered = request.form.get("password", "")
        is_known = request.form.get("username") == USER and hmac.compare_digest(entered.encode(), password.encode())
        if is_known:
            login_user(Operator())
            return redirect(url_for("locust.index"))
        session["auth_error"] = "Wrong user name or password."
        return redirect(url_for("locust.login"))


def _unauthorized() -> BaseResponse:
    # Returned, not raised: Locust turns an exception here into status 200.
    return redirect(url_for("locust.login")) if request.path == "/" else Response("Log in first.", 401)


def _start_check(host: str) -> Callable[[], None]:
    """Return a request check that prevents changes of the target and of the users."""

    def check() -> None:
        if request.path == "/user":
            abort(403, "Users can only be changed in the locustfile.")
        if request.path == "/swarm":
            if request.form.get("host", host) != host:
                abort(403, f"The target host is fixed to {host}.")
            if unknown := sorted(set(request.form) - START_FIELDS):
                abort(400, f"Unknown fields: {', '.join(unknown)}.")

    return check
