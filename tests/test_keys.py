"""What looks like a key or a token in a text goes; what only looks alike stays."""

from __future__ import annotations

import base64

import pytest

import mock_server as m

A40 = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7d"
HEX32 = "0123456789abcdef0123456789abcdef"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc/+=\n-----END RSA PRIVATE KEY-----"
USER = base64.b64encode(b"user:opensesame").decode()

# Made up, of the form that those who issue them describe.
KEYS = {
    "OpenAI": "sk-" + A40,
    "OpenAI, of a project": "sk-proj-" + A40 + "-_" + A40,
    "OpenAI, of a service account": "sk-svcacct-" + A40,
    "OpenAI, of a session": "sess-" + A40,
    "a short one for tests": "sk-test-planted-123",
    "Anthropic": "sk-ant-api03-" + A40 + "-AA",
    "OpenRouter": "sk-or-v1-" + HEX32 * 2,
    "DeepSeek": "sk-" + HEX32,
    "Groq": "gsk_" + A40,
    "xAI": "xai-" + A40,
    "Perplexity": "pplx-" + A40,
    "Hugging Face": "hf_" + A40[:34],
    "Replicate": "r8_" + A40[:37],
    "NVIDIA": "nvapi-" + A40 + "_" + A40[:20],
    "Google": "AIza" + A40[:35],
    "Google's access": "ya29.a0" + A40 + "-_.x" + A40,
    "Google's application": "GOCSPX-" + A40[:28],
    "Google's refreshing": "1//0g" + A40,
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "AWS's session": "ASIAIOSFODNN7EXAMPLE",
    "AWS's token": "IQoJb3JpZ2luX2VjE" + A40 + "/+" + A40 + "=",
    "Bedrock": "ABSK" + A40 * 2 + "=",
    "Azure": (A40 + A40)[:52] + "JQQJ99BAACYeBjFXJ3w3AAABACOG0abc",
    "Entra": "abc8Q~" + A40[:34],
    "GitHub": "ghp_" + A40[:36],
    "GitHub's fine-grained": "github_pat_" + A40[:22] + "_" + A40,
    "GitLab": "glpat-" + A40[:20],
    "Slack": "xoxb-123456789012-" + A40[:24],
    "Stripe": "sk_live_" + A40[:24],
    "npm": "npm_" + A40[:36],
    "PyPI": "pypi-AgEIcHlwaS5vcmcC" + A40,
    "SendGrid": "SG." + A40[:22] + "." + A40 + "abc",
    "Twilio": "SK" + HEX32,
    "Telegram": "123456789:AA" + A40[:33],
    "a JSON Web Token": JWT,
    "a private key": PEM,
    "an organisation": "org-" + A40[:24],
    "a project": "proj_" + A40[:24],
    "a request": "req_" + HEX32,
    "Anthropic's request": "req_011CSHoEeqs5C35K2UUqR7Fy",
    "the same at Vertex": "req_vrtx_011CSHoEeqs5C35K2UUqR7Fy",
}

# What a text becomes.
BECOMES = {
    f"Authorization: Bearer {A40}.": "Authorization: Bearer ***.",
    "authorization: bearer abc123defg": "authorization: bearer ***",
    f"Authorization: Basic {USER}": "Authorization: Basic ***",
    "postgres://app:pa55@db.local/x": "postgres://***@db.local/x",
    f"https://x.test/a?key={A40}&alt=sse": "https://x.test/a?key=***&alt=sse",
    "/b?X-Amz-Signature=0a1b2c3d4e5f&X-Amz-Date=2": "/b?X-Amz-Signature=***&X-Amz-Date=2",
    "OPENAI_API_KEY=abc123def456\n": "OPENAI_API_KEY=***\n",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE": "aws_secret_access_key = ***",
    "AccountKey=abc123def456ghi789==;X=1": "AccountKey=***;X=1",
    '{"password": "hunter2", "user": "a"}': '{"password": "***", "user": "a"}',
    r"{\"client_secret\":\"planted-here\"}": r"{\"client_secret\":\"***\"}",
    "x-api-key: 1234abcd5678": "x-api-key: ***",
    "Incorrect API key provided: sk-abc***xyz. You can": "Incorrect API key provided: ***. You can",
    "Incorrect API key provided: dummy.": "Incorrect API key provided: ***.",
    "Your api key: ****abcd is invalid": "Your api key: *** is invalid",
    "in organization org-abc on tokens": "in organization *** on tokens",
    "in project proj_abc": "in project ***",
    "the request ID req_abc in your message": "the request ID *** in your message",
    "(Request ID: 1a2b3c4d-0000)": "(Request ID: ***)",
    "in project 123456789012 before": "in project *** before",
    "arn:aws:iam::123456789012:user/x": "arn:aws:iam::***:user/x",
    f"\\nsk-proj-{A40}\\n": "\\n***\\n",
    f"key%3Dsk-proj-{A40}": "key%3D***",
    f"**sk-proj-{A40}**": "**" + "***" + "**",
    "DB_PASSWORD=hunter2\nSMTP_PASS=hunter22": "DB_PASSWORD=***\nSMTP_PASS=***",
    "<password>hunter2</password>": "<password>***</password>",
    "Server=x;Password=P@ss;Encrypt=true": "Server=x;Password=***;Encrypt=true",
    "os.environ['X_API_KEY'] = 'planted-value'": "os.environ['X_API_KEY'] = '***'",
    "java -jar a.jar -token tok_a1b2c3": "java -jar a.jar -token ***",
    "x --api-key planted-42a --token tok_a1b2c3": "x --api-key *** --token ***",
    "curl -u alice:opensesame x": "curl -u *** x",
    "machine x login me password hunter2z": "machine x login me password ***",
    "Cookie: session=abc; csrftoken=xyz789; a=b": "Cookie: session=***; csrftoken=***; a=b",
    "Set-Cookie: id=abc123; Path=/": "Set-Cookie: id=***; Path=/",
    '{"Authorization":"Token abc-def-ghi"}': '{"Authorization":"Token ***"}',
    f"Authorization: AWS4-HMAC-SHA256 Credential=a, Signature={HEX32 * 2}": (
        "Authorization: AWS4-HMAC-SHA256 Credential=a, Signature=***"
    ),
    f"client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt{A40}==": "client-key-data: ***",
    f'{{"auth": "{USER}"}}': '{"auth": "***"}',
    f"/bot123456789:AA{A40[:33]}/send": "/***/send",
    f"https://hooks.slack.com/services/T0/B0/{A40[:24]}": "https://hooks.slack.com/services/***",
    f"https://discord.com/api/webhooks/{'1' * 18}/{A40}{A40[:28]}": (
        "https://discord.com/api/webhooks/***"
    ),
}

STAY = [
    "",
    "A risk-averse, task-oriented desk-top; sk-learn-based-classification-of-words in sk-SK.",
    "max_tokens=100, token_count: 5, num_key_value_heads: 8, total_tokens: 1234567",
    '{"key": "value", "token": "the", "sort_key": "name", "next_page_token": "abc123"}',
    "api_key=os.environ['OPENAI_API_KEY']; password: str = None; token = get_token()",
    'client = OpenAI(api_key="your-api-key"), export OPENAI_API_KEY="sk-..."',
    "Bearer authentication, Basic understanding, the ring bearer said so. Bearer $TOKEN",
    f"call_{A40} toolu_01{A40[:22]} msg_{HEX32} resp_{HEX32} rs_{HEX32} chatcmpl-{A40[:29]}",
    f"fc_{HEX32} thread_{A40[:24]} asst_{A40[:24]} file-{A40[:24]} batch_{HEX32} fp_44709d6fcb",
    "123e4567-e89b-12d3-a456-426614174000",
    HEX32 * 2 + " " + HEX32 + "01234567",
    base64.b64encode(bytes(range(256)) * 8).decode(),
    base64.urlsafe_b64encode(bytes(range(255, 0, -1)) * 8).decode(),
    A40 * 3 + "/1//0" + A40,  # in a picture
    "gpt-4o-mini-2024-07-18 us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "https://example.com/a?key=value&page_token=2#x http://a:8080/b@c user@example.com",
    "A key: the thing that opens a door. API key: get one from the console.",
    "Incorrect API key provided: ***.",
    'ACCESS_KEY = "AWS_ACCESS_KEY_ID"; password: "Password", {"api_key": "api_key"}',
    "PWD=/home/me/project1; docker run -u 1000:1000; request_id = req_id; req_x509_extensions_all",
    "postgres://{user}:{password}@{host}/x https://user:password@host/ redis://:${PASSWORD}@h",
    "a file with -----BEGIN RSA PRIVATE KEY----- and then -----END RSA PRIVATE KEY-----",
    '"encryptionKey": "arn:aws:kms:us-west-2::alias/aws/s3", Authorization: AWS4-HMAC-SHA256',
    'OpenAI(api_key="sk-xxxxxxxxxxxxxxxxxxxxxxxx"), OPENAI_API_KEY=sk-proj-your-key',
    "aws s3 get --key doc1.rtf --next-token eyJhd3NBY2Nv --client-token 550e8400-e29b-41d4",
    "Set-Cookie: name=value; Path=/; Max-Age=3600, cookie: chocolate",
    "machine {host} login token password {auth_token}",
]


def test_keys_of_every_kind_go_wherever_they_stand() -> None:
    around = [
        "{}",
        "my key is {}, keep it",
        '"{}"',
        "a={};b",
        "`{}`.",
        "({})",
        "\u00e9{}\u00e9",
        "x\n{}\n",
    ]
    for name, key in KEYS.items():
        for text in around:
            scrubbed = m.without_keys(text.format(key))
            assert scrubbed == text.format("***"), name


@pytest.mark.parametrize("text", BECOMES)
def test_keys_go_that_their_surroundings_give_away(text: str) -> None:
    assert m.without_keys(text) == BECOMES[text]


@pytest.mark.parametrize("text", STAY)
def test_what_only_looks_alike_stays(text: str) -> None:
    assert m.without_keys(text) == text


def test_what_is_scrubbed_once_is_scrubbed() -> None:
    pieces = [*KEYS.values(), *BECOMES, *STAY, "sk-", "***", "=", "key=", "Bearer ", "password: "]
    for one in pieces:
        for other in pieces[::7]:
            for between in ("", " ", "-"):
                scrubbed = m.without_keys(one + between + other)
                assert m.without_keys(scrubbed) == scrubbed
