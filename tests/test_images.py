"""Pictures: OpenAI's generations and edits, and Imagen's predictions."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any, Dict, List, Tuple

import pytest
from readers import events_of
from samples import PNG, answerer, ask, bytes_of, call_of, form_of, request_of, said, wire_of

import mock_server as m

ANY = {"match": {"operation": "image"}, "response": {"text": ""}}
GENERATIONS = (m.OpenAIImages, m.AzureImages)
EDITS = (m.OpenAIImageEdits, m.AzureImageEdits)


def asked(kind: type, more: Any = None, **rest: Any) -> Any:
    """What a mock of a picture answers to a request, as JSON."""
    return json.loads(bytes_of(ask(answerer(ANY), kind, more=more, **rest)))


# === The picture =============================================================


def chunks_of(png: bytes) -> List[Tuple[bytes, bytes]]:
    """Names and contents of a PNG's chunks, each held against its checksum."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(
            name + data
        )
        found.append((name, data))
        at += 12 + size
    return found


def test_the_picture_is_a_png_of_one_pixel() -> None:
    chunks = chunks_of(m.PNG_BYTES)
    assert [name for name, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">II", chunks[0][1][:8]) == (1, 1)
    assert len(zlib.decompress(chunks[1][1])) == 4  # a filter, and three bytes of colour


def test_a_picture_is_in_the_format_that_is_asked_for() -> None:
    begin = {"png": b"\x89PNG", "jpeg": b"\xff\xd8\xff", "webp": b"RIFF\x1e", "gif": b"GIF8"}
    for kind in (*GENERATIONS, *EDITS):
        for name, magic in {**begin, "svg": b"<svg "}.items():
            answer = asked(kind, {"output_format": name})
            assert answer["output_format"] == name
            assert base64.b64decode(answer["data"][0]["b64_json"]).startswith(magic)
    for media_type, found in (("image/jpeg", "jpeg"), ("image/png", "png"), ("a/b", "png")):
        parameters = {"outputOptions": {"mimeType": media_type}}
        (prediction,) = asked(m.VertexImagen, {"parameters": parameters})["predictions"]
        assert prediction["mimeType"] == "image/" + found
        assert base64.b64decode(prediction["bytesBase64Encoded"]).startswith(begin[found])


def test_a_url_leads_to_the_picture_at_the_server_itself_and_needs_no_key() -> None:
    request = request_of(
        m.OpenAIImages, more={"model": "dall-e-3", "n": 2}, headers={"host": "mock:80"}
    )
    for is_tls, begin in ((False, "http://mock:80/v1/"), (True, "https://mock:80/v1/")):
        answers = answerer(ANY, require_auth=False)
        data = json.loads(answers.answer(m.replace(request, is_tls=is_tls)).response.body)["data"]
        urls = [one["url"] for one in data]
        assert len(set(urls)) == 2 and all(url.startswith(begin) for url in urls)
        locked = answerer({"response": {"error": "no"}}, require_auth=True)
        found = locked.answer(m.Request("GET", urls[0].partition("mock:80")[2])).response
        assert (found.status, found.body) == (200, m.PNG_BYTES)
        assert ("Content-Type", "image/png") in found.headers


# === What is answered ========================================================


@pytest.mark.parametrize("kind", [*GENERATIONS, *EDITS])
def test_a_stream_has_the_partial_pictures_then_the_whole_answer_and_no_more(kind: type) -> None:
    name = "image_edit" if kind in EDITS else "image_generation"
    for partial in range(4):
        more = {"partial_images": partial, "size": "1024x1536", "quality": "medium"}
        events = events_of(kind, said(kind, {"text": ""}, True, more=more))
        names = [f"{name}.partial_image"] * partial + [f"{name}.completed"]
        assert [event for event, _ in events] == [value["type"] for _, value in events] == names
        indexes = [value["partial_image_index"] for _, value in events[:-1]]
        assert indexes == list(range(partial))
        whole = asked(kind, more)
        last = events[-1][1]
        assert whole["data"] == [{"b64_json": last["b64_json"]}]
        assert whole["created"] == last["created_at"]
        del whole["usage"]["output_tokens_details"]
        for key in ("background", "output_format", "quality", "size", "usage"):
            assert whole[key] == last[key]
        assert all(value["size"] == "1024x1536" for _, value in events)


def test_a_picture_costs_what_its_size_and_quality_cost() -> None:
    documented = {
        "low": (272, 408, 400),
        "medium": (1056, 1584, 1568),
        "high": (4160, 6240, 6208),
    }
    for quality, tokens in documented.items():
        for size, count in zip(("1024x1024", "1024x1536", "1536x1024"), tokens):
            usage = asked(m.OpenAIImages, {"quality": quality, "size": size})["usage"]
            assert usage["output_tokens"] == usage["output_tokens_details"]["image_tokens"] == count
            assert usage["total_tokens"] == usage["input_tokens"] + count


def test_what_a_model_tells_depends_on_whose_it_is() -> None:
    texts = {"text": "revised"}
    for model, response_format, keys in (
        ("gpt-image-2", None, {"revised_prompt", "b64_json"}),
        ("chatgpt-image-latest", None, {"revised_prompt", "b64_json"}),
        (None, None, {"revised_prompt", "b64_json"}),
        ("openai/gpt-image-2", "url", {"revised_prompt", "b64_json"}),
        ("dall-e-3", None, {"revised_prompt", "url"}),
        ("flux", "url", {"revised_prompt", "url"}),
        ("flux", "b64_json", {"revised_prompt", "b64_json"}),
    ):
        for kind in (m.OpenAIImages, m.OpenAIImageEdits):
            more: Dict[str, Any] = {"model": model, "response_format": response_format}
            body = {"prompt": "Hi", **{key: more[key] for key in more if more[key]}}
            if kind is m.OpenAIImageEdits:
                body["image"] = PNG
            answer = json.loads(said(kind, texts, body=form_of(body) if "image" in body else body))
            assert set(answer["data"][0]) == keys
            assert ("usage" in answer) == (model is None or "gpt-image" in model)


def test_an_echo_is_a_picture_and_its_prompt_where_the_model_says_one() -> None:
    for model, text in (("gpt-image-2", None), ("dall-e-3", "Hi")):
        response = ask(answerer(fallback="echo"), m.OpenAIImages, more={"model": model, "n": 3})
        data = json.loads(response.body)["data"]
        assert [one.get("revised_prompt") for one in data] == [text] * 3


def test_a_generation_without_a_mock_is_a_404_that_explains() -> None:
    mocks = ({"response": {"text": "for texts"}},)
    for kind in (*GENERATIONS, *EDITS, m.VertexImagen, m.GeminiImagen):
        assert ask(answerer(*mocks), kind).status == 404


def test_variations_are_unknown_to_openai_and_can_be_recorded() -> None:
    found = ask(answerer(ANY), m.OpenAIVariations)
    error = json.loads(found.body)["error"]
    assert (found.status, error["message"]) == (404, "Invalid URL (POST /v1/images/variations)")
    assert (error["type"], error["code"]) == ("invalid_request_error", None)
    recorded = {"match": {"api": "variations"}, "response": {"body": {"data": []}}}
    assert ask(answerer(recorded), m.OpenAIVariations).status == 200


# === What is asked ===========================================================

UNKNOWN_MODEL = {"model": "flux"}
# (what is laid over a sample, the field that is named, the code, what is said)
WRONG: List[Tuple[Any, str, str, str]] = [
    ({"size": "huge"}, "size", "invalid_value", "'huge'. Supported values are: 'auto' and WIDTH"),
    ({"size": "0x1"}, "size", "invalid_value", "Invalid value: '0x1'."),
    (
        {"model": "gpt-image-1.5", "size": "512x512"},
        "size",
        "invalid_value",
        "Invalid value: '512x512'. Supported values are: '1024x1024', '1024x1536', '1536x1024', "
        "and 'auto'.",
    ),
    ({"model": "dall-e-2", "size": "auto"}, "size", "invalid_value", "'256x256', '512x512', and"),
    ({"model": "gpt-image-2", "quality": "hd"}, "quality", "invalid_value", "'max', and 'auto'."),
    ({"quality": "best"}, "quality", "invalid_value", "'standard', and 'hd'."),
    ({"response_format": "png"}, "response_format", "invalid_value", "are: 'url' and 'b64_json'."),
    ({"background": "red"}, "background", "invalid_value", "Invalid value: 'red'."),
    ({"output_format": "bmp"}, "output_format", "invalid_value", "'gif', and 'svg'."),
    ({"n": 0}, "n", "integer_below_min_value", "Expected a value >= 1, but got 0 instead."),
    ({"n": 11}, "n", "integer_above_max_value", "Expected a value <= 10, but got 11 instead."),
    ({"n": "x"}, "n", "invalid_type", "expected an integer, but got a string instead."),
    ({"partial_images": -1}, "partial_images", "integer_below_min_value", "value >= 0"),
    ({"output_compression": 101}, "output_compression", "integer_above_max_value", "<= 100"),
    ({"stream": "maybe"}, "stream", "invalid_type", "expected a boolean"),
]


@pytest.mark.parametrize("kind", [*GENERATIONS, *EDITS])
def test_a_wrong_wish_is_refused_as_openai_refuses_it(kind: type) -> None:
    for more, field, code, text in WRONG:
        found = ask(answerer(ANY), kind, more={**UNKNOWN_MODEL, **more})
        error = json.loads(found.body)["error"]
        assert (found.status, error["param"], error["code"]) == (400, field, code), more
        assert text in error["message"]


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_without_its_picture_names_the_field(kind: type) -> None:
    mask = b'--b\r\nContent-Disposition: form-data; name="mask"\r\n\r\n1\r\n'
    image = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n1\r\n'
    for body, field, text in (
        (form_of({"prompt": "Hi"}), "image", "Missing required parameter: 'image'."),
        (form_of({"image": PNG}), "prompt", "Missing required parameter: 'prompt'."),
        (form_of({"prompt": "Hi", "image": "a.png"}), "image", "expected a file, but got a string"),
        (form_of({"prompt": "Hi", "image[]": "a.png"}), "image[0]", "expected a file"),
        (mask + form_of({"prompt": "Hi", "image": PNG}), "mask", "expected a file"),
        (image + form_of({"prompt": "Hi", "image": PNG}), "image", "Duplicate parameter: 'image'."),
        (form_of({"prompt": PNG, "image": PNG}), "prompt", "expected a string"),
        (form_of({"prompt": "Hi"})[:-6], None, "Could not parse multipart form: it is cut off"),
        (b"{}", None, "Could not parse multipart form: there is no part"),
    ):
        found = ask(answerer(ANY), kind, body=body)
        error = json.loads(found.body)["error"]
        assert (found.status, error["param"]) == (400, field)
        assert text in error["message"]


@pytest.mark.parametrize("kind", EDITS)
def test_a_file_that_is_not_said_to_be_a_picture_is_refused_by_its_type(kind: type) -> None:
    for name, media_type, path, told in (
        ("image", "application/octet-stream", "image", "application/octet-stream"),
        ("image", "", "image", "application/octet-stream"),
        ("image[]", "text/plain; charset=utf-8", "image[0]", "text/plain"),
        ("mask", "image/gif", "mask", "image/gif"),
    ):
        file = {**PNG, "content_type": media_type}
        form = {"prompt": "Hi", **({} if name == "image[]" else {"image": PNG}), name: file}
        error = json.loads(ask(answerer(ANY), kind, body=form_of(form)).body)["error"]
        assert (error["param"], error["code"]) == (path, "unsupported_file_mimetype")
        assert error["message"].startswith(
            f"Invalid file '{path}': unsupported mimetype ('{told}'). Supported file formats are "
        )
    form = {"prompt": "Hi", "image": {**PNG, "content_type": "Image/WebP"}}
    assert ask(answerer(ANY), kind, body=form_of(form)).status == 200


def test_the_texts_of_a_form_are_read_as_json_would_say_them() -> None:
    kinds = {"n": "an integer", "t": "a number", "stream": "a boolean", "prompt": "a string"}
    for text, value in (("7", 7), ("-1", -1), ("1.5", 1.5), ("1e3", "1e3"), ("", ""), (" 7", " 7")):
        assert m.form_values({"n": text}, kinds) == {"n": value}
    form = {"t": "2", "stream": "True", "prompt": "7", "other": "7", "a[]": "x", "n[]": ["1", "2"]}
    assert m.form_values(form, kinds) == {
        "t": 2,
        "stream": True,
        "prompt": "7",
        "other": "7",
        "a": ["x"],
        "n": [1, 2],
    }


def test_several_pictures_and_what_a_form_says_can_be_matched() -> None:
    image = {"filename": "a.png", "size": len(PNG["data"])}
    body = form_of({"prompt": "Hi", "n": 2, "image[]": PNG, "mask": PNG})
    for match in (
        {"operation": "image", "api": "edits", "user": "Hi", "stream": False},
        {"path": "/v1/images/edits", "body": {"n": "2", "image[]": image, "mask": image}},
        {"operation": "image", "fields": {"image[].filename": "a.png"}},
    ):
        found = ask(
            answerer({"match": match, "response": {"text": ""}}), m.OpenAIImageEdits, body=body
        )
        assert found.status == 200 and len(json.loads(found.body)["data"]) == 2


def test_a_prefix_or_a_deployment_leads_to_the_same() -> None:
    for path, kind in (
        ("/acme/images/generations", m.OpenAIImages),
        ("/openai/v1/images/generations", m.AzureImages),
        ("/proxy/v1/images/edits", m.OpenAIImageEdits),
        ("/openai/v1/images/edits", m.AzureImageEdits),
    ):
        request = m.replace(request_of(kind, more={"model": "gpt-image-2"}), path=path)
        assert answerer(ANY).answer(request).response.status == 200
        assert type(m.route(request)[0]) is kind


# === Errors ==================================================================


def test_a_blocked_prompt_is_the_providers_own_error() -> None:
    blocked = {"match": {"operation": "image"}, "response": {"error": {"kind": "content_filter"}}}
    for kind, host in (
        (m.OpenAIImages, "help.openai.com"),
        (m.OpenAIImageEdits, "help.openai.com"),
        (m.AzureImages, "Azure support ticket"),
    ):
        for stream in (False, True):
            found = ask(answerer(blocked), kind, stream)
            error = json.loads(found.body)["error"]
            assert (found.status, error["code"]) == (400, "moderation_blocked")
            assert error["type"] == "image_generation_user_error" and host in error["message"]
    for google in (m.VertexImagen, m.GeminiImagen):
        error = json.loads(ask(answerer(blocked), google).body)["error"]
        assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
        assert error["message"].startswith("Image generation failed with the following error: The")


def test_a_deployment_that_is_not_there_is_azures_error() -> None:
    missing = {"match": {"operation": "image"}, "response": {"error": {"kind": "not_found"}}}
    for kind in (m.AzureImages, m.AzureImageEdits):
        assert json.loads(ask(answerer(missing), kind).body)["error"]["code"] == (
            "DeploymentNotFound"
        )


# === Google ==================================================================


@pytest.mark.parametrize("kind", [m.VertexImagen, m.GeminiImagen])
def test_imagen_predicts_as_many_pictures_as_are_asked_for(kind: type) -> None:
    for parameters, count in (({}, 1), ({"sampleCount": 4}, 4), ({"sample_count": 2}, 2)):
        predictions = asked(kind, {"parameters": parameters})["predictions"]
        png = {"mimeType": "image/png", "bytesBase64Encoded": m.PICTURES["png"]}
        assert predictions == [png] * count
    enhanced = json.loads(said(kind, {"text": "enhanced"}))["predictions"][0]
    assert enhanced["prompt"] == "enhanced"
    (filtered,) = json.loads(said(kind, {"finish_reason": "content_filter"}))["predictions"]
    assert list(filtered) == ["raiFilteredReason"]
    several = {"instances": [{"prompt": "a"}, {"prompt": "b"}]}
    error = json.loads(ask(answerer(ANY), kind, more=several).body)["error"]
    assert error["message"] == "1 instance(s) is allowed per prediction. Actual: 2"


def test_only_imagen_makes_pictures_of_what_is_to_be_predicted() -> None:
    for model, kind in (
        ("imagen-4.0-fast-generate-001", m.VertexImagen),
        ("imagegeneration@006", m.VertexImagen),
        ("text-embedding-005", m.VertexPredict),
    ):
        path = f"/v1/projects/p/locations/us/publishers/google/models/{model}:predict"
        assert type(m.route(m.Request("POST", path))[0]) is kind


@pytest.mark.parametrize("kind", [m.GeminiGenerate, m.VertexGenerate])
def test_a_picture_of_gemini_is_a_block_or_echoed_where_one_is_asked_for(kind: type) -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": m.PICTURES["png"]}}
    response = {"parts": [{"text": "Look"}, {"block": picture}]}
    for stream in (False, True):
        values = [value for _, value in events_of(kind, said(kind, response, True))]
        if not stream:
            values = [json.loads(said(kind, response))]
        parts = [part for one in values for part in one["candidates"][0]["content"]["parts"]]
        assert parts == [{"text": "Look"}, picture]
    for wanted, expected in (
        (["TEXT", "IMAGE"], [{"text": "Hi"}, picture]),
        (["IMAGE"], [picture]),
        (["TEXT"], [{"text": "Hi"}]),
        ("IMAGE", [picture]),
    ):
        config = {"generationConfig": {"responseModalities": wanted}}
        answer = json.loads(ask(answerer(fallback="echo"), kind, more=config).body)
        assert answer["candidates"][0]["content"]["parts"] == expected


# === What is laid over it ====


def test_what_is_laid_over_a_picture_reaches_the_stream_or_keeps_the_mock_from_matching() -> None:
    extra = {"created": 1, "usage": {"total_tokens": 9}, "new": 2}
    whole = json.loads(said(m.OpenAIImages, {"text": "", "extra": extra}))
    stream = said(m.OpenAIImages, {"text": "", "extra": extra}, True)
    values = [value for _, value in events_of(m.OpenAIImages, stream)]
    assert (whole["created"], whole["new"], whole["usage"]["total_tokens"]) == (1, 2, 9)
    assert [(value["created_at"], value["new"]) for value in values] == [(1, 2)] * 3
    assert values[-1]["usage"]["total_tokens"] == 9
    own = {**ANY, "response": {"text": "", "extra": {"data": [{"b64_json": "bWluZQ=="}]}}}
    mine = json.loads(ask(answerer(own), m.OpenAIImages).body)
    assert mine["data"] == [{"b64_json": "bWluZQ=="}]
    refused = ask(answerer(own), m.OpenAIImages, True)
    assert refused.status == 404 and b'give \\"body\\" and \\"events\\"' in refused.body


# === Nothing in vain =========================================================


def test_what_a_picture_does_not_show_is_refused() -> None:
    for response, problem in (
        ({"text": "x", "chunk_size": 3}, "there is nothing to cut"),
        ({"reasoning": "x"}, "one that can say reasoning"),
        ({"text": "x", "id": "mine"}, "have no place for it"),
        ({"text": "x", "finish_reason": "length"}, "have no place for it"),
        ({"text": "x", "usage": {"cached_tokens": 1}}, "have no place for it"),
    ):
        match = {"operation": "image", "provider": ["openai", "azure"]}
        with pytest.raises(m.BadMock, match=problem):
            answerer({"match": match, "response": response})
    assert m.can_stream(wire_of(m.OpenAIImages)) and not m.can_stream(wire_of(m.VertexImagen))
    assert call_of(m.OpenAIImageEdits, True).stream
