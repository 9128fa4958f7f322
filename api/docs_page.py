"""The OpenAPI document and the interactive page at /docs, whose files are served from here: it needs no network."""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.metadata import distribution
from pathlib import Path, PurePath
from typing import Annotated, Any

from litestar import MediaType, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.params import Parameter
from litestar.response import File

from api import openapi_examples
from api.openapi import DOCUMENTATION_TAG, file_response, responses

ASSETS = "/docs/assets"
DOCUMENT = JsonRenderPlugin()
PAGE = SwaggerRenderPlugin(
    js_url=f"{ASSETS}/swagger-ui-bundle.js",
    css_url=f"{ASSETS}/swagger-ui.css",
    standalone_preset_js_url=f"{ASSETS}/swagger-ui-standalone-preset.js",
    favicon=f'<link rel="icon" href="{ASSETS}/favicon-32x32.png">',
    path="/docs",
)


POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Swagger UI styles its elements inline and loads its icons from `data:` URLs."""
INLINE_SCRIPT = re.compile(rb"<script(?![^>]*src=)[^>]*>(.+?)</script>", re.DOTALL)

AnyRequest = Request[Any, Any, Any]
AssetPath = Annotated[PurePath, Parameter(description="Name of a file of Swagger UI.", schema_extra={"type": "string"})]


def _document(request: AnyRequest) -> Response[bytes]:
    rendered = DOCUMENT.render(request, request.app.openapi_schema.to_schema())
    return Response(rendered, media_type=MediaType.JSON)


@get(
    "/schema",
    sync_to_thread=False,
    tags=[DOCUMENTATION_TAG],
    summary="Get the document",
    responses=responses(dict[str, object], openapi_examples.DOCUMENT),
)
def schema(request: AnyRequest) -> Response[bytes]:
    """Return this OpenAPI document."""
    return _document(request)


@get(
    "/schema/openapi.json",
    sync_to_thread=False,
    tags=[DOCUMENTATION_TAG],
    summary="Get the document as a file",
    responses=responses(dict[str, object], openapi_examples.DOCUMENT),
)
def openapi_json(request: AnyRequest) -> Response[bytes]:
    """Return this OpenAPI document, under the usual name of its file."""
    return _document(request)


@get(
    "/docs",
    media_type=MediaType.HTML,
    sync_to_thread=False,
    tags=[DOCUMENTATION_TAG],
    summary="Show the interactive page",
    responses=file_response("text/html"),
)
def docs(request: AnyRequest) -> Response[bytes]:
    """Return the interactive documentation page."""
    page = PAGE.render(request, request.app.openapi_schema.to_schema())
    return Response(page, headers={"Content-Security-Policy": content_security_policy(page)})


def content_security_policy(page: bytes) -> str:
    """Return the policy under which only the page's own inline scripts run, each named by its hash."""
    digests = [b64encode(sha256(script).digest()).decode() for script in INLINE_SCRIPT.findall(page)]
    return POLICY.format(scripts=" ".join(f"'sha256-{digest}'" for digest in digests))


def _swagger_ui() -> Path:
    """Return the folder of Swagger UI's files; the Flask package that contains them is not imported."""
    return Path(str(distribution("flask-swagger-ui").locate_file("flask_swagger_ui/dist")))


FILES = frozenset(str(path.relative_to(_swagger_ui())) for path in _swagger_ui().rglob("*") if path.is_file())


@get(
    f"{ASSETS}/{{file_path:path}}",
    sync_to_thread=False,
    tags=[DOCUMENTATION_TAG],
    summary="Get a file of the page",
    responses=file_response("*/*", 400, 404),
)
def asset(file_path: AssetPath) -> File:
    """Return a file of Swagger UI, which the interactive page loads."""
    name = file_path.as_posix().removeprefix("/")
    # Before the path reaches the file system.
    if name not in FILES:
        raise NotFoundException
    return File(_swagger_ui() / name, filename=name, content_disposition_type="inline")
