"""Pictures: openai's generations and edits, sync and async, at OpenAI and at Azure; google-genai's
Imagen and image models; each decoded by the SDK's own models, strictly where it can."""

from __future__ import annotations

import base64
import urllib.request
import warnings
from typing import Any, Dict, Iterator

import openai
import pytest
from conftest import Plain
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, OpenAI

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
MODEL = "gpt-image-1.5"
OTHER_MODEL = "dall-e-3"
PHOTO = ("a.png", PNG, "image/png")
MOCKS: Any = [
    {"match": {"operation": "image", "user": "a cat"}, "response": {"text": "A cat, in oil."}},
    {
        "match": {"operation": "image", "user": "spend"},
        "response": {"usage": {"input_tokens": 7, "output_tokens": 70}},
    },
    {
        "match": {"operation": "image", "user": "blocked"},
        "response": {"error": {"kind": "content_filter"}},
    },
    {
        "match": {"operation": "image", "user": "break"},
        "response": {"text": "", "error": {"kind": "overloaded"}, "after_events": 1},
    },
    {
        "match": {"operation": "generate", "user": "a cat"},
        "response": {
            "parts": [
                {"text": "Look:"},
                {
                    "block": {
                        "inlineData": {
                            "mimeType": "image/png",
                            "data": base64.b64encode(PNG).decode(),
                        }
                    }
                },
            ]
        },
    },
]
STRICT: Dict[str, Any] = {"max_retries": 0, "_strict_response_validation": True}
WAYS = {
    "openai": lambda url: OpenAI(base_url=url + "/v1", api_key="key", **STRICT),
    "async": lambda url: AsyncOpenAI(base_url=url + "/v1", api_key="key", **STRICT),
    "prefix": lambda url: OpenAI(base_url=url + "/any/prefix", api_key="key", **STRICT),
    "azure": lambda url: AzureOpenAI(
        azure_endpoint=url, api_version="2025-04-01-preview", api_key="key", **STRICT
    ),
    "azure async": lambda url: AsyncAzureOpenAI(
        azure_endpoint=url, api_version="2025-04-01-preview", api_key="key", **STRICT
    ),
    "azure v1": lambda url: OpenAI(base_url=url + "/openai/v1", api_key="key", **STRICT),
}


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest, server: str) -> Iterator[Plain]:
    """A client of the way that the test asks for."""
    with Plain(WAYS[request.param](server)) as found:
        yield found


every_way = pytest.mark.parametrize("client", WAYS, indirect=True)
both_apis = pytest.mark.parametrize("api", ["generate", "edit"])


def picture(client: Plain, api: str, prompt: str, **options: Any) -> Any:
    """What a call comes to; an edit has a picture, too."""
    if api == "edit":
        options["image"] = [PHOTO, PHOTO] if options.get("n") else PHOTO
    options = {"model": MODEL, "prompt": prompt, **options}
    return client(lambda sdk: getattr(sdk.images, api)(**options))


@every_way
@both_apis
def test_a_picture_comes_with_all_that_there_is_to_tell(client: Plain, api: str) -> None:
    found = picture(client, api, "a cat", n=2, size="1536x1024", quality="high")
    assert [one.revised_prompt for one in found.data] == ["A cat, in oil."] * 2
    assert all(base64.b64decode(one.b64_json).startswith(PNG) for one in found.data)
    looks = found.size, found.quality, found.background, found.output_format
    assert looks == ("1536x1024", "high", "opaque", "png")
    assert found.usage.output_tokens == 6208
    assert found.usage.input_tokens_details.text_tokens == found.usage.input_tokens > 0


@every_way
@both_apis
def test_a_stream_has_partial_pictures_and_the_last(client: Plain, api: str) -> None:
    options = {"stream": True, "partial_images": 2, "output_format": "jpeg"}
    events = picture(client, api, "spend", **options)
    name = {"generate": "image_generation", "edit": "image_edit"}[api]
    types_of_events = [event.type for event in events]
    assert types_of_events == [name + ".partial_image"] * 2 + [name + ".completed"]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert all(base64.b64decode(event.b64_json).startswith(JPEG) for event in events)
    usage = events[-1].usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (7, 70, 77)


@every_way
@both_apis
def test_a_stream_that_breaks_off_raises(client: Plain, api: str) -> None:
    with pytest.raises(openai.APIError, match="overloaded"):
        picture(client, api, "break", stream=True, partial_images=3)


@every_way
@both_apis
def test_what_is_wrong_is_a_bad_request(client: Plain, api: str) -> None:
    for options, param, code in (
        ({"prompt": "blocked"}, None, "moderation_blocked"),
        ({"prompt": "a cat", "n": 11}, "n", "integer_above_max_value"),
        ({"prompt": "a cat", "size": "huge"}, "size", "invalid_value"),
        ({"prompt": "a cat", "partial_images": 4}, "partial_images", "integer_above_max_value"),
    ):
        with pytest.raises(openai.BadRequestError) as raised:
            picture(client, api, **options)
        assert (raised.value.param, raised.value.code) == (param, code)


@pytest.mark.parametrize("client", ["openai", "async"], indirect=True)
def test_a_url_can_be_fetched(client: Plain) -> None:
    found = picture(client, "generate", "a cat", model=OTHER_MODEL)
    assert found.data[0].b64_json is None and found.usage is None
    with urllib.request.urlopen(found.data[0].url) as answer:  # noqa: S310
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.read().startswith(PNG)
    found = picture(client, "generate", "a cat", model=OTHER_MODEL, response_format="b64_json")
    assert base64.b64decode(found.data[0].b64_json).startswith(PNG)


@pytest.mark.parametrize("client", ["openai", "async"], indirect=True)
def test_variations_are_not_found(client: Plain) -> None:
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        client(lambda sdk: sdk.images.create_variation(image=PHOTO))


# === google-genai ============================================================


def google(url: str, **options: Any) -> genai.Client:
    """A client of Vertex AI, or of the Gemini API with a key."""
    if not options:
        options = {
            "vertexai": True,
            "project": "p",
            "location": "us-central1",
            "credentials": Credentials(token="token"),
        }
    return genai.Client(http_options=types.HttpOptions(base_url=url), **options)


def test_imagen_generates_pictures(server: str) -> None:
    config = types.GenerateImagesConfig(number_of_images=3, output_mime_type="image/jpeg")
    with google(server) as client, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the SDK calls it deprecated
        found = client.models.generate_images(
            model="imagen-4.0-generate-001", prompt="a cat", config=config
        )
    assert len(found.generated_images) == 3
    for one in found.generated_images:
        assert one.image.image_bytes.startswith(JPEG) and one.image.mime_type == "image/jpeg"
        assert one.enhanced_prompt == "A cat, in oil."


def test_imagen_refuses_what_its_filter_stops(server: str) -> None:
    with google(server) as client, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(genai.errors.ClientError, match="Image generation failed") as raised:
            client.models.generate_images(model="imagen-4.0-generate-001", prompt="blocked")
    assert (raised.value.code, raised.value.status) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("options", [{}, {"vertexai": False, "api_key": "key"}])
def test_an_image_model_of_gemini_answers_with_a_picture(server: str, options: Any) -> None:
    config = types.GenerateContentConfig(response_modalities=["TEXT", "IMAGE"])
    asked: Dict[str, Any] = {"model": "gemini-2.5-flash-image", "contents": "a cat"}
    with google(server, **options) as client:
        whole = client.models.generate_content(**asked, config=config)
        stream = list(client.models.generate_content_stream(**asked, config=config))
    for answers in ([whole], stream):
        parts = [part for one in answers for part in one.candidates[0].content.parts]
        assert "".join(part.text or "" for part in parts) == "Look:"
        assert parts[-1].inline_data.data == PNG
