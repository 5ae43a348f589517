"""Values: what an answer is made of, and what its ids depend on."""

from __future__ import annotations

from samples import (
    call_of,
)

import mock_server as m


def test_ids_depend_on_provider_model_and_body_but_not_on_streaming_headers_or_port() -> None:
    base = call_of(m.OpenAIChat)
    same = [
        call_of(m.OpenAIChat, True),
        call_of(m.OpenAIChat, more={"stream_options": {"include_usage": True}}),
        call_of(m.OpenAIChat, headers={"x-a": "b"}),
        m.replace(base, request=m.replace(base.request, port=1)),
    ]
    other = [
        call_of(m.OpenAIChat, more={"temperature": 1}),
        call_of(m.AzureChat),
        call_of(m.OpenAIChat, more={"model": "x"}),
    ]
    assert {call.digest for call in same} == {base.digest}
    assert len({call.digest for call in [base, *other]}) == 4
