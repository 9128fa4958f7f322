"""The interactive page at /docs, and what it is made of: all of it comes from here, so it needs no network."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from litestar import MediaType, Request, get
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


@get("/docs", include_in_schema=False, media_type=MediaType.HTML, sync_to_thread=False)
def docs(request: Request[Any, Any, Any]) -> bytes:
    """The interactive page."""
    return PAGE.render(request, request.app.openapi_schema.to_schema())


def _swagger_ui() -> Path:
    """Swagger UI as Smartbear publishes it; the package that carries it, made for Flask, is not imported."""
    return Path(str(distribution("flask-swagger-ui").locate_file("flask_swagger_ui/dist")))


assets = create_static_files_router(ASSETS, [_swagger_ui()], include_in_schema=False)
