"""Routes of the data API. Reads change nothing: the clock alone decides which batches are released."""

import math
import re
import time
from collections.abc import Callable, Set

from flask import Flask, Response, g, jsonify, render_template, request, send_file
from flask.json.provider import DefaultJSONProvider
from prometheus_client import CONTENT_TYPE_LATEST
from werkzeug.exceptions import BadRequest, HTTPException, NotAcceptable, NotFound

from ec2_api import responses
from ec2_api.formats import Format
from ec2_api.host_check import check_request
from ec2_api.metrics import SourceMetrics
from ec2_api.request_log import log_request
from ec2_api.security_headers import PAGE_CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from ec2_api.startup import OpenSource
from ec2_api.token_check import check_token

TOO_EARLY = 425
FORMATS_BY_MEDIA_TYPE = {fmt.media_type: fmt for fmt in Format}


class OrderedJson(DefaultJSONProvider):
    """JSON with members in the order of the dataclass fields."""

    sort_keys = False


def create_app(
    source: OpenSource,
    metrics: SourceMetrics,
    allowed_hosts: Set[str],
    token: str | None = None,
    clock: Callable[[], float] = time.time,
) -> Flask:
    """Return the application for a source. `token`: required for batches, unless None; `clock`: epoch seconds."""
    app = Flask(__name__, static_folder=None)
    app.json = OrderedJson(app)
    app.add_url_rule("/", "page", lambda: _index_page(source, token is not None, clock()))
    app.add_url_rule("/health", "health", lambda: jsonify(responses.health(source, clock())))
    app.add_url_rule("/batches", "batches", lambda: jsonify(responses.batches(source, clock())))
    app.add_url_rule("/batches/<number>", "batch", lambda number: _batch_response(source, number, clock()))
    app.add_url_rule(
        "/get_data", "get_data", lambda: _batch_file(source, source.release.released(clock()), Format.JSON)
    )
    app.add_url_rule("/metrics", "metrics", lambda: Response(metrics.text(), content_type=CONTENT_TYPE_LATEST))
    app.register_error_handler(HTTPException, _error_response)
    # Registered first, so that rejected requests are recorded, too.
    _record_requests(app, metrics)
    _protect(app, allowed_hosts, token)
    return app


def _index_page(source: OpenSource, token_required: bool, now: float) -> Response:
    health, batches = responses.health(source, now), responses.batches(source, now)
    page = Response(render_template("index.html", health=health, batches=batches, token_required=token_required))
    page.headers["Content-Security-Policy"] = PAGE_CONTENT_SECURITY_POLICY
    return page


def _batch_response(source: OpenSource, text: str, now: float) -> Response:
    total = source.release.total
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= total:
        raise NotFound(f"batch {text[:20]!r}: batches are numbered 1 to {total}")
    number = int(text)
    if number > source.release.released(now):
        return _too_early(number, source.release.seconds_to(number, now))
    response = _batch_file(source, number, _requested_format())
    response.vary.add("Accept")
    return response


def _too_early(number: int, seconds: float) -> Response:
    g.batch, wait = number, max(1, math.ceil(seconds))
    response = jsonify(error=f"batch {number} is released in {wait} seconds")
    response.status_code = TOO_EARLY
    response.headers["Retry-After"] = str(wait)
    return response


def _requested_format() -> Format:
    """Return the requested format. Raises BadRequest or NotAcceptable for an unknown one."""
    name = request.args.get("format")
    if name is not None:
        if name not in set(Format):
            raise BadRequest(f"format {name[:20]!r} is unknown: use {', '.join(Format)}")
        return Format(name)
    if not request.accept_mimetypes:
        return Format.JSON
    best = request.accept_mimetypes.best_match(FORMATS_BY_MEDIA_TYPE)
    if best is None:
        raise NotAcceptable(f"batches are available as {', '.join(FORMATS_BY_MEDIA_TYPE)}")
    return FORMATS_BY_MEDIA_TYPE[best]


def _batch_file(source: OpenSource, number: int, batch_format: Format) -> Response:
    g.batch, rendered = number, source.store.get(number, batch_format)
    response = send_file(
        rendered.path.absolute(),
        mimetype=batch_format.media_type,
        download_name=f"batch-{number}.{batch_format}",
        etag=rendered.sha256,
        last_modified=source.release.release_time(number),
        conditional=False,
    )
    # Whole or 304, never a range: for a range waitress holds a thread until the client has read it.
    response.make_conditional(request)
    response.headers["X-Rows"] = str(source.batches[number - 1].rows)
    return response


def _error_response(error: HTTPException) -> Response:
    response = jsonify(error=error.description or error.name)
    response.status_code = error.code or 500
    if isinstance(error, NotAcceptable):
        response.vary.add("Accept")
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _record_requests(app: Flask, metrics: SourceMetrics) -> None:
    """Count and log each request."""

    @app.before_request
    def begin() -> None:
        g.started_at = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        # Unknown paths share one label, to bound the number of labels.
        route = request.url_rule.rule if request.url_rule else "unknown"
        seconds = time.perf_counter() - g.started_at
        metrics.observe_request(route, response.status_code, seconds)
        log_request(request.method, route, g.get("batch"), response.status_code, seconds)
        return response


def _protect(app: Flask, allowed_hosts: Set[str], token: str | None) -> None:
    """Check each request before it is served and add the security headers to each response."""

    @app.before_request
    def check() -> None:
        check_request(request, allowed_hosts)
        check_token(request, request.endpoint, token)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response
