"""The interactive documentation page at /docs, with all its assets served from here: it needs no network."""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.static_files import create_static_files_router

ASSETS = "/docs/assets"
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


@get("/docs", include_in_schema=False, media_type=MediaType.HTML, sync_to_thread=False)
def docs(request: Request[Any, Any, Any]) -> Response[bytes]:
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


async def refuse_unknown_file(request: Request[Any, Any, Any]) -> None:
    """Check the path before it reaches the file system. Raises NotFoundException when it names none of the files."""
    if str(request.path_params["file_path"]).removeprefix("/") not in FILES:
        raise NotFoundException


assets = create_static_files_router(
    ASSETS, [_swagger_ui()], include_in_schema=False, before_request=refuse_unknown_file
)
