"""Security of Locust's own page: a login, a fixed target of the load, no requests from other sites, and headers."""

import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, abort, redirect, request, session, url_for
from flask_login import UserMixin, login_user
from locust.web import WebUI

from errors import LoadRefused
from readmit.core.host_header import host_name, origin_host

USER = "admin"
HOSTS = frozenset({"locust", "localhost", "127.0.0.1", "[::1]"})
SECURITY_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Content-Security-Policy", "frame-ancestors 'none'"),
    # Not `no-referrer`: under that browsers send `Origin: null` even for the page's own login form.
    ("Referrer-Policy", "same-origin"),
]
START_FIELDS = frozenset({"user_count", "spawn_rate", "run_time", "host", "profile"})
"""What the page's form for a start may set. Locust itself would let it set any option of the command line."""

WSGI = Callable[..., Iterable[bytes]]


class Operator(UserMixin):
    """The one user of the page."""

    id = USER


class SameOriginGuard:
    """WSGI middleware that refuses foreign hosts (400) and foreign origins (403), grants no CORS and sets headers."""

    def __init__(self, app: WSGI) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            kept = [(name, value) for name, value in headers if not name.lower().startswith("access-control-")]
            return start_response(status, kept + SECURITY_HEADERS, exc_info)

        refusal = _refusal(environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN"))
        return self._app(environ, start) if refusal is None else refusal(environ, start)


def _refusal(host: str, origin: str | None) -> Response | None:
    if host_name(host) not in HOSTS:
        return Response("The Host header names no host of this page.", 400, mimetype="text/plain")
    if origin is not None and origin_host(origin) != host.lower():
        return Response("Requests from pages of another origin are refused.", 403, mimetype="text/plain")
    return None


def secure(page: WebUI, password: str | None) -> None:
    """Give the page a login, fix the host of its loads and refuse requests from other sites.

    Raises Refused when Locust was started without --web-login, when there is no password, or no host.
    """
    if not page.web_login:
        raise LoadRefused("Locust's page needs a login: start it with --web-login")
    if not password:
        raise LoadRefused("Locust's page needs a password: set READMIT_LOCUST_PASSWORD or READMIT_LOCUST_PASSWORD_FILE")
    if not page.environment.host:
        raise LoadRefused("The host of the load is not set: start Locust with --host or LOCUST_HOST")
    assert page.app is not None
    page.app.debug = False
    page.app.config.update(
        # Sessions end with the process.
        SECRET_KEY=secrets.token_bytes(32),
        SESSION_COOKIE_NAME="readmit_locust",
        SESSION_COOKIE_SAMESITE="Strict",
    )
    _add_login(page, password)
    runner = page.environment.runner
    assert runner is not None
    page.app.add_url_rule("/health", "health", lambda: {"state": runner.state})
    page.app.before_request(_fixed_start(page.environment.host))
    page.app.wsgi_app = SameOriginGuard(page.app.wsgi_app)  # type: ignore[method-assign]


def _add_login(page: WebUI, password: str) -> None:
    assert page.app is not None
    page.auth_args = {"username_password_callback": "/login"}
    page.login_manager.user_loader(lambda user: Operator() if user == USER else None)
    page.login_manager.unauthorized_handler(_unauthorized)

    @page.app.post("/login")
    def log_in() -> Any:
        given = request.form.get("password", "")
        is_known = request.form.get("username") == USER and hmac.compare_digest(given.encode(), password.encode())
        if is_known:
            login_user(Operator())
            return redirect(url_for("locust.index"))
        session["auth_error"] = "Wrong user name or password."
        return redirect(url_for("locust.login"))


def _unauthorized() -> Any:
    # Returned and not raised: Locust answers an exception from here with status 200.
    return redirect(url_for("locust.login")) if request.path == "/" else Response("Log in first.", 401)


def _fixed_start(host: str) -> Callable[[], None]:
    """Return a check of each request that would change where the load goes, or what its users are."""

    def check() -> None:
        if request.path == "/user":
            abort(403, "Users are changed in the locustfile alone.")
        if request.path == "/swarm":
            if request.form.get("host", host) != host:
                abort(403, f"The load goes to {host} alone.")
            if unknown := sorted(set(request.form) - START_FIELDS):
                abort(400, f"A start has no field {', '.join(unknown)}.")

    return check
