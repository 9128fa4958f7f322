"""The routes of model cards, as JSON or Markdown, in the language that the client prefers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, Schema
from litestar.params import Parameter
from litestar.types import ControllerRouterHandler

from api import model_examples
from api.auth import require_api_key
from api.errors import ApiError
from api.model_manager import ModelManager
from api.openapi import API_KEY_SECURITY, MODEL_TAG, responses
from api.read_api.service import ReadService
from api.request_parsing import JSON, response_content_type
from api.schemas import FieldError
from readmit.core.card.card_catalogue import ENGLISH
from readmit.core.card.card_markdown import card_to_markdown
from readmit.core.card.model_card import ModelCard
from readmit.io.card_files import load_catalogue

MARKDOWN = "text/markdown"
"""Litestar adds the charset."""
QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")
AnyRequest = Request[Any, Any, Any]
LANGUAGES = tuple(load_catalogue().languages)
CardLanguage = Annotated[
    str | None, Parameter(description=f"Language: {', '.join(LANGUAGES)}. By default that of Accept-Language.")
]


@dataclass
class CardOperation(Operation):
    """The operation of a card, with the Markdown format of its response."""

    def __post_init__(self) -> None:
        response = (self.responses or {}).get("200")
        if isinstance(response, OpenAPIResponse) and response.content is not None:
            document = Schema(type=OpenAPIType.STRING, description="The card as a document.")
            response.content[MARKDOWN] = OpenAPIMediaType(schema=document)


def _card_route(summary: str, *statuses: int) -> dict[str, Any]:
    """Return the options of a route of a card."""
    return {
        "tags": [MODEL_TAG],
        "summary": summary,
        "guards": [require_api_key],
        "security": API_KEY_SECURITY,
        "operation_class": CardOperation,
        "responses": responses(ModelCard, model_examples.MODEL_CARD, 400, 401, *statuses, 406, 503),
    }


@get("/model/card", **_card_route("Get the card of the loaded model version"))
async def model_card(
    request: AnyRequest,
    reads: NamedDependency[ReadService],
    manager: NamedDependency[ModelManager],
    lang: CardLanguage = None,
) -> Response[ModelCard] | Response[str]:
    """Return the card of the version that serves predictions: data, limits, performance, and who may change what.

    JSON, or Markdown if the Accept header prefers it.
    """
    media_type, language = _negotiate(request, lang)
    return _response(await reads.card_of(manager.require_loaded().version, language), media_type)


@get("/versions/{number:str}/card", **_card_route("Get the card of a model version", 404))
async def version_card(
    request: AnyRequest,
    reads: NamedDependency[ReadService],
    number: Annotated[str, Parameter(description="Version number.")],
    lang: CardLanguage = None,
) -> Response[ModelCard] | Response[str]:
    """Return the card of one version; what is not stored with an older one is marked as not available.

    JSON, or Markdown if the Accept header prefers it.
    """
    media_type, language = _negotiate(request, lang)
    return _response(await reads.card(number, language), media_type)


def _negotiate(request: AnyRequest, lang: str | None) -> tuple[str, str]:
    """Return the media type and the language of the response. Raises ApiError: 406 or 400 for one we do not have."""
    media_type = response_content_type(request, JSON, MARKDOWN)
    if lang is not None and lang not in LANGUAGES:
        message = f"must be one of {', '.join(LANGUAGES)}"
        raise ApiError(400, f"lang: {message}", (FieldError("lang", message),))
    return media_type, lang or preferred_language(request.headers.get("accept-language", ""), LANGUAGES)


def preferred_language(header: str, languages: Sequence[str]) -> str:
    """Return the best of our languages for an Accept-Language header (RFC 9110, 12.5.4), English if none matches."""
    best, best_quality = ENGLISH, 0.0
    for preference in header.split(","):
        tag, _, parameter = preference.partition(";")
        language, quality = tag.strip().lower().partition("-")[0], _quality(parameter)
        if language in languages and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameter: str) -> float:
    """Return the weight of a preference: 1 without one, 0 for one that is invalid."""
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    return float(value) if name.lower() == "q" and QUALITY.fullmatch(value.strip()) else 0.0


def _response(card: ModelCard, media_type: str) -> Response[ModelCard] | Response[str]:
    headers = {"Content-Language": card.language, "Vary": "Accept, Accept-Language"}
    if media_type == MARKDOWN:
        return Response(card_to_markdown(card), media_type=MARKDOWN, headers=headers)
    return Response(card, media_type=JSON, headers=headers)


CARD_ROUTES: list[ControllerRouterHandler] = [model_card, version_card]
