"""What token endpoints issue: whose it is, until when, and that nobody else can make it."""

from __future__ import annotations

import json

import mock_server as m

ISSUER = m.Issuer(b"a key", lambda: 1000.9)
KINDS = ("vertex_ai", "gemini", "azure", "imds", "identity")


def test_a_token_is_right_until_it_expires_and_only_for_its_issuer() -> None:
    for kind in KINDS:
        token = ISSUER.token(kind, 2000, sub="somebody")
        assert ISSUER.verdict(kind, token, 1999.9) == "right"
        assert ISSUER.verdict(kind, token, 2000) == "expired"
        assert ISSUER.claims(kind, token) == {"sub": "somebody", "exp": 2000}
        mine = m.ISSUERS.get(kind, kind)
        for other in (*KINDS, "bedrock", "openai"):
            if m.ISSUERS.get(other, other) != mine:
                assert ISSUER.verdict(other, token, 1000) == "", (kind, other)
        assert m.Issuer(b"another key", float).verdict(kind, token, 1000) == ""


def test_a_token_that_was_changed_anywhere_is_nobodys() -> None:
    for kind in KINDS:
        token = ISSUER.token(kind, 2000)
        for at in range(len(token)):
            for letter in ("A", "B", "ü", ".", "="):
                changed = token[:at] + letter + token[at + 1 :]
                assert changed == token or ISSUER.claims(kind, changed) is None
        for other in ("", ".", "a.b.c", token + "A", token + "=", token[:-1], "\udc80", "ya29.c."):
            assert ISSUER.claims(kind, other) is None


def test_azures_tokens_are_read_as_jwts() -> None:
    head, payload, signature = ISSUER.token("azure", 2000, aud="https://ai.azure.com").split(".")
    assert json.loads(m.from_base64url(head))["alg"] == "RS256"
    assert json.loads(m.from_base64url(payload)) == {"aud": "https://ai.azure.com", "exp": 2000}
    assert len(m.from_base64url(signature)) == 256


def test_credentials_of_aws_belong_together() -> None:
    keys, others = ISSUER.aws_keys(2000, arn="a"), ISSUER.aws_keys(2000, arn="b")
    assert len(keys.access) == 20 and len(keys.secret) == 40
    assert ISSUER.aws_secret(keys.access, keys.session) == keys.secret
    assert ISSUER.verdict("bedrock", keys.session, 1000) == "right"
    assert ISSUER.verdict("bedrock", keys.session, 3000) == "expired"
    assert ISSUER.aws_secret(others.access, keys.session) == ""
    assert ISSUER.aws_secret(keys.access, "") == "" and ISSUER.aws_secret("", keys.session) == ""
    assert len({*keys, *others}) == 6


def test_the_key_is_not_shown() -> None:
    assert "key" not in repr(ISSUER) and ISSUER.now() == 1000
