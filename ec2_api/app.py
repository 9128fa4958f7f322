"""The data API's routes. Reading moves nothing: which batches are out is told by the clock alone."""

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
from ec2_api.security_headers import PAGE_CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from ec2_api.startup import OpenSource

TOO_EARLY = 425
BY_MEDIA_TYPE = {form.media_type: form for form in Format}


class OrderedJson(DefaultJSONProvider):
    """Members stay in the order in which the facts name them."""

    sort_keys = False


def create_app(
    opened: OpenSource, metrics: SourceMetrics, allowed_hosts: Set[str], clock: Callable[[], float] = time.time
) -> Flask:
    """The application over one opened source; `clock` gives epoch seconds."""
    app = Flask(__name__, static_folder=None)
    app.json = OrderedJson(app)
    app.add_url_rule("/", "page", lambda: _page(opened, clock()))
    app.add_url_rule("/health", "health", lambda: jsonify(responses.health(opened, clock())))
    app.add_url_rule("/batches", "batches", lambda: jsonify(responses.batches(opened, clock())))
    app.add_url_rule("/batches/<number>", "batch", lambda number: _batch(opened, number, clock()))
    app.add_url_rule("/get_data", "get_data", lambda: _rows(opened, opened.release.released(clock()), Format.JSON))
    app.add_url_rule("/metrics", "metrics", lambda: Response(metrics.text(), content_type=CONTENT_TYPE_LATEST))
    app.register_error_handler(HTTPException, _error)
    # First in, last out: requests that are refused are counted, too.
    _count_requests(app, metrics)
    _protect(app, allowed_hosts)
    return app


def _page(opened: OpenSource, now: float) -> Response:
    page = Response(
        render_template("index.html", health=responses.health(opened, now), batches=responses.batches(opened, now))
    )
    page.headers["Content-Security-Policy"] = PAGE_CONTENT_SECURITY_POLICY
    return page


def _batch(opened: OpenSource, text: str, now: float) -> Response:
    total = opened.release.total
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= total:
        raise NotFound(f"batch {text[:20]!r}: there are batches 1 to {total}")
    number = int(text)
    if number > opened.release.released(now):
        return _too_early(number, opened.release.seconds_to(number, now))
    answer = _rows(opened, number, _form())
    answer.vary.add("Accept")
    return answer


def _too_early(number: int, seconds: float) -> Response:
    wait = max(1, math.ceil(seconds))
    answer = jsonify(error=f"batch {number} is released in {wait} seconds")
    answer.status_code = TOO_EARLY
    answer.headers["Retry-After"] = str(wait)
    return answer


def _form() -> Format:
    """The representation that the request asks for. NotAcceptable, BadRequest."""
    named = request.args.get("format")
    if named is not None:
        if named not in set(Format):
            raise BadRequest(f"format: {named[:20]!r} is none of {', '.join(Format)}")
        return Format(named)
    if not request.accept_mimetypes:
        return Format.JSON
    best = request.accept_mimetypes.best_match(BY_MEDIA_TYPE)
    if best is None:
        raise NotAcceptable(f"a batch is had as {', '.join(BY_MEDIA_TYPE)}")
    return BY_MEDIA_TYPE[best]


def _rows(opened: OpenSource, number: int, form: Format) -> Response:
    rendered = opened.shelf.get(number, form)
    answer = send_file(
        rendered.path.absolute(),
        mimetype=form.media_type,
        download_name=f"batch-{number}.{form}",
        etag=rendered.sha256,
        last_modified=opened.release.moment(number),
        conditional=False,
    )
    # Whole or not modified, never a range: waitress would hold a thread until the client has read it.
    answer.make_conditional(request)
    answer.headers["X-Rows"] = str(opened.batches[number - 1].rows)
    return answer


def _error(error: HTTPException) -> Response:
    answer = jsonify(error=error.description or error.name)
    answer.status_code = error.code or 500
    if isinstance(error, NotAcceptable):
        answer.vary.add("Accept")
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            answer.headers[name] = value
    return answer


def _count_requests(app: Flask, metrics: SourceMetrics) -> None:
    @app.before_request
    def begin() -> None:
        g.begun = time.perf_counter()

    @app.after_request
    def end(answer: Response) -> Response:
        # Addresses that no route knows share one label: anybody can invent them.
        route = request.url_rule.rule if request.url_rule else "unknown"
        metrics.answered(route, answer.status_code, time.perf_counter() - g.begun)
        return answer


def _protect(app: Flask, allowed_hosts: Set[str]) -> None:
    """Check each request before it is answered, and add the security headers to each answer."""

    @app.before_request
    def check() -> None:
        check_request(request, allowed_hosts)

    @app.after_request
    def add_headers(answer: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer
