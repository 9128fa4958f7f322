"""HEAD requests: each is handled as GET, and its response is sent without the body (RFC 9110, 9.3.2)."""

from litestar.types import HTTPScope, Message, Send

HEAD = "HEAD"
METHOD_STATE = "method"
"""Key in the request state of the method that was received, where it is not that of the scope."""


def as_get(scope: HTTPScope, send: Send) -> tuple[HTTPScope, Send]:
    """Return the scope of the same request with GET, and a `send` that leaves out the body of the response.

    The state is shared with the original scope.
    """

    async def send_without_body(message: Message) -> None:
        if message["type"] == "http.response.body":
            message["body"] = b""
        await send(message)

    scope["state"][METHOD_STATE] = HEAD
    return {**scope, "method": "GET"}, send_without_body


def received_method(scope: HTTPScope) -> str:
    """Return the method of the request as the client sent it."""
    return str(scope["state"].get(METHOD_STATE, scope["method"]))


def allowed_methods(listed: str) -> str:
    """Return the methods of an Allow header in alphabetical order, with HEAD wherever GET is allowed."""
    methods = {method.strip() for method in listed.split(",")}
    return ", ".join(sorted(methods | {HEAD} if "GET" in methods else methods))
