"""One row of samples a wire format, and the helpers that ask and read in memory."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Optional, Tuple

import mock_server as m

CHAT = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
}
GOOGLE = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
}
CLAUDE = {"max_tokens": 64, "system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}]}
CONVERSE = {
    "system": [{"text": "Be brief."}],
    "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
}
PICTURE = {"model": "gpt-image-1.5", "prompt": "Hi", "partial_images": 2}
PUBLISHERS = "/v1/projects/p/locations/us/publishers/"
VERTEX = PUBLISHERS + "google/models/gemini-2.5-flash"
VERTEX_CLAUDE = PUBLISHERS + "anthropic/models/claude-sonnet-4-5@20250929"
RANKED = {"query": "Hi", "documents": ["Ho", "Hi"]}
AGENT_RANKED = {
    "queries": [{"type": "TEXT", "textQuery": {"text": "Hi"}}],
    "sources": [
        {
            "type": "INLINE",
            "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}},
        }
        for text in ("Ho", "Hi")
    ],
    "rerankingConfiguration": {
        "type": "BEDROCK_RERANKING_MODEL",
        "bedrockRerankingConfiguration": {
            "modelConfiguration": {
                "modelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.rerank-v1:0"
            }
        },
    },
}
OPENAPI = "/v1/projects/p/locations/us/endpoints/openapi"
ARMOR = "/v1/projects/p/locations/us/templates/t"
BEDROCK = "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0"
GEMINI = "/v1beta/models/gemini-2.5-flash"

# What stands for a file in the fields of a form.
PNG = {"filename": "a.png", "content_type": "image/png", "data": "pixels"}
MP3 = {"filename": "a.mp3", "content_type": "audio/mpeg", "data": "sound"}
CHAT_PATH = "/v1/chat/completions"

# class: (method, whole path, stream path or None, body); the stream's body has "stream": true
# where the path is the same
SAMPLES: Dict[type, Tuple[str, str, Optional[str], Any]] = {
    m.OpenAIChat: ("POST", "/v1/chat/completions", "/v1/chat/completions", CHAT),
    m.OpenAICompletions: (
        "POST",
        "/v1/completions",
        "/v1/completions",
        {"model": "gpt-3.5-turbo-instruct", "prompt": "Hi"},
    ),
    m.OpenAIEmbeddings: (
        "POST",
        "/v1/embeddings",
        None,
        {"model": "text-embedding-3-small", "input": "Hi"},
    ),
    m.OpenAIImages: ("POST", "/v1/images/generations", "/v1/images/generations", PICTURE),
    m.OpenAIImageEdits: (
        "POST",
        "/v1/images/edits",
        "/v1/images/edits",
        {**PICTURE, "image": PNG},
    ),
    m.OpenAIVariations: ("POST", "/v1/images/variations", None, {"image": PNG}),
    m.OpenAIPicture: ("GET", "/v1/images/img-1.png", None, None),
    m.OpenAISpeech: (
        "POST",
        "/v1/audio/speech",
        "/v1/audio/speech",
        {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Hi"},
    ),
    m.OpenAITranscriptions: (
        "POST",
        "/v1/audio/transcriptions",
        "/v1/audio/transcriptions",
        {"model": "gpt-4o-transcribe", "prompt": "Hi", "file": MP3},
    ),
    m.OpenAITranslations: (
        "POST",
        "/v1/audio/translations",
        None,
        {"model": "whisper-1", "prompt": "Hi", "file": MP3},
    ),
    m.OpenAIModerations: ("POST", "/v1/moderations", None, {"input": "Hi"}),
    m.OpenAIModels: ("GET", "/v1/models", None, None),
    m.AzureChat: (
        "POST",
        "/openai/deployments/d/chat/completions",
        "/openai/deployments/d/chat/completions",
        CHAT,
    ),
    m.AzureCompletions: (
        "POST",
        "/openai/deployments/d/completions",
        "/openai/deployments/d/completions",
        {"prompt": "Hi"},
    ),
    m.AzureEmbeddings: ("POST", "/openai/deployments/d/embeddings", None, {"input": "Hi"}),
    m.AzureImages: (
        "POST",
        "/openai/deployments/d/images/generations",
        "/openai/deployments/d/images/generations",
        {"prompt": "Hi", "partial_images": 2},
    ),
    m.AzureImageEdits: (
        "POST",
        "/openai/deployments/d/images/edits",
        "/openai/deployments/d/images/edits",
        {"prompt": "Hi", "partial_images": 2, "image": PNG},
    ),
    m.AzureSpeech: (
        "POST",
        "/openai/deployments/d/audio/speech",
        "/openai/deployments/d/audio/speech",
        {"voice": "alloy", "input": "Hi"},
    ),
    m.AzureTranscriptions: (
        "POST",
        "/openai/deployments/d/audio/transcriptions",
        "/openai/deployments/d/audio/transcriptions",
        {"prompt": "Hi", "file": MP3},
    ),
    m.AzureTranslations: (
        "POST",
        "/openai/deployments/d/audio/translations",
        None,
        {"prompt": "Hi", "file": MP3},
    ),
    m.AzureModerations: ("POST", "/openai/moderations", None, {"input": "Hi"}),
    m.AzureModels: ("GET", "/openai/models", None, None),
    m.GeminiGenerate: (
        "POST",
        GEMINI + ":generateContent",
        GEMINI + ":streamGenerateContent",
        GOOGLE,
    ),
    m.GeminiCountTokens: (
        "POST",
        GEMINI + ":countTokens",
        None,
        {"generateContentRequest": GOOGLE},
    ),
    m.GeminiEmbed: (
        "POST",
        GEMINI + ":embedContent",
        None,
        {"content": {"parts": [{"text": "Hi"}]}},
    ),
    m.GeminiBatchEmbed: (
        "POST",
        GEMINI + ":batchEmbedContents",
        None,
        {
            "requests": [
                {"content": {"parts": [{"text": "Hi"}]}},
                {"content": {"parts": [{"text": "Ho"}]}},
            ]
        },
    ),
    m.GeminiImagen: (
        "POST",
        "/v1beta/models/imagen-4.0-generate-001:predict",
        None,
        {"instances": [{"prompt": "Hi"}]},
    ),
    m.GeminiModels: ("GET", "/v1beta/models", None, None),
    m.VertexGenerate: (
        "POST",
        VERTEX + ":generateContent",
        VERTEX + ":streamGenerateContent",
        GOOGLE,
    ),
    m.VertexCountTokens: ("POST", VERTEX + ":countTokens", None, GOOGLE),
    m.VertexEmbed: (
        "POST",
        VERTEX + ":embedContent",
        None,
        {"content": {"parts": [{"text": "Hi"}]}},
    ),
    m.VertexBatchEmbed: (
        "POST",
        VERTEX + ":batchEmbedContents",
        None,
        {"requests": [{"content": {"parts": [{"text": "Hi"}]}}]},
    ),
    m.VertexPredict: ("POST", VERTEX + ":predict", None, {"instances": [{"content": "Hi"}]}),
    m.VertexImagen: (
        "POST",
        PUBLISHERS + "google/models/imagen-4.0-generate-001:predict",
        None,
        {"instances": [{"prompt": "Hi"}]},
    ),
    m.VertexModels: ("GET", "/v1beta1/publishers/google/models", None, None),
    m.OpenAIResponses: (
        "POST",
        "/v1/responses",
        "/v1/responses",
        {"model": "gpt-4o-mini", "instructions": "Be brief.", "input": "Hi"},
    ),
    m.OpenAIInputTokens: (
        "POST",
        "/v1/responses/input_tokens",
        None,
        {"model": "gpt-4o-mini", "input": "Hi"},
    ),
    m.AzureInputTokens: (
        "POST",
        "/openai/v1/responses/input_tokens",
        None,
        {"model": "d", "input": "Hi"},
    ),
    m.AzureResponses: (
        "POST",
        "/openai/v1/responses",
        "/openai/v1/responses",
        {"model": "d", "input": "Hi"},
    ),
    m.OpenAICompact: (
        "POST",
        "/v1/responses/compact",
        None,
        {"model": "gpt-4o-mini", "input": "Hi"},
    ),
    m.OpenAIRetrieve: ("GET", "/v1/responses/resp_1", None, None),
    m.OpenAICancel: ("POST", "/v1/responses/resp_1/cancel", None, {}),
    m.OpenAIDelete: ("DELETE", "/v1/responses/resp_1", None, None),
    m.OpenAIInputItems: ("GET", "/v1/responses/resp_1/input_items", None, None),
    m.AzureCompact: ("POST", "/openai/v1/responses/compact", None, {"model": "d", "input": "Hi"}),
    m.AzureRetrieve: ("GET", "/openai/v1/responses/resp_1", None, None),
    m.AzureCancel: ("POST", "/openai/v1/responses/resp_1/cancel", None, {}),
    m.AzureDelete: ("DELETE", "/openai/v1/responses/resp_1", None, None),
    m.AzureInputItems: ("GET", "/openai/v1/responses/resp_1/input_items", None, None),
    m.GeminiChat: (
        "POST",
        "/v1beta/openai/chat/completions",
        "/v1beta/openai/chat/completions",
        CHAT,
    ),
    m.GeminiOpenAIEmbeddings: (
        "POST",
        "/v1beta/openai/embeddings",
        None,
        {"model": "gemini-embedding-001", "input": "Hi"},
    ),
    m.GeminiOpenAIModels: ("GET", "/v1beta/openai/models", None, None),
    m.VertexChat: ("POST", OPENAPI + "/chat/completions", OPENAPI + "/chat/completions", CHAT),
    m.VertexOpenAIEmbeddings: (
        "POST",
        OPENAPI + "/embeddings",
        None,
        {"model": "google/text-embedding-005", "input": "Hi"},
    ),
    m.MistralChat: (
        "POST",
        "/v1/chat/completions",
        "/v1/chat/completions",
        {**CHAT, "model": "mistral-small-latest"},
    ),
    m.MistralFIM: (
        "POST",
        "/v1/fim/completions",
        "/v1/fim/completions",
        {"model": "codestral-latest", "prompt": "Hi"},
    ),
    m.MistralEmbeddings: (
        "POST",
        "/v1/embeddings",
        None,
        {"model": "mistral-embed", "input": "Hi"},
    ),
    m.MistralModels: ("GET", "/v1/models", None, None),
    m.MistralResponses: (
        "POST",
        "/v1/responses",
        "/v1/responses",
        {"model": "magistral-medium-latest", "instructions": "Be brief.", "input": "Hi"},
    ),
    m.MistralModerations: (
        "POST",
        "/v1/moderations",
        None,
        {"model": "mistral-moderation-latest", "input": "Hi"},
    ),
    m.MistralChatModerations: (
        "POST",
        "/v1/chat/moderations",
        None,
        {"model": "mistral-moderation-latest", "input": [{"role": "user", "content": "Hi"}]},
    ),
    m.MistralClassifications: (
        "POST",
        "/v1/classifications",
        None,
        {"model": "ft:classifier:mine", "input": "Hi"},
    ),
    m.MistralChatClassifications: (
        "POST",
        "/v1/chat/classifications",
        None,
        {
            "model": "ft:classifier:mine",
            "input": {"messages": [{"role": "user", "content": "Hi"}]},
        },
    ),
    m.MistralSpeech: (
        "POST",
        "/v1/audio/speech",
        "/v1/audio/speech",
        {"model": "voxtral-mini-tts-latest", "voice_id": "v", "input": "Hi"},
    ),
    m.MistralTranscriptions: (
        "POST",
        "/v1/audio/transcriptions",
        "/v1/audio/transcriptions",
        {"model": "voxtral-mini-latest", "file": MP3},
    ),
    m.MistralOCR: (
        "POST",
        "/v1/ocr",
        None,
        {"model": "mistral-ocr-latest", "document": {"document_url": "https://e.com/a.pdf"}},
    ),
    **{
        kind: ("POST", f"/{name}{CHAT_PATH}", f"/{name}{CHAT_PATH}", CHAT)
        for kind, name in (
            (m.OpenRouterChat, "openrouter"),
            (m.VLLMChat, "vllm"),
            (m.DeepSeekChat, "deepseek"),
            (m.GroqChat, "groq"),
            (m.GeminiDialectChat, "gemini"),
            (m.OllamaOpenAIChat, "ollama"),
            (m.BedrockOpenAIChat, "bedrock"),
        )
    },
    **{
        kind: (
            "POST",
            f"/{name}/v1/completions",
            f"/{name}/v1/completions",
            {"model": "llama3.2", "prompt": "Hi"},
        )
        for kind, name in ((m.VLLMCompletions, "vllm"), (m.OllamaOpenAICompletions, "ollama"))
    },
    **{
        kind: ("POST", f"/{name}/v1/embeddings", None, {"model": "bge-m3", "input": "Hi"})
        for kind, name in (
            (m.OpenRouterEmbeddings, "openrouter"),
            (m.VLLMEmbeddings, "vllm"),
            (m.GeminiDialectEmbeddings, "gemini"),
            (m.OllamaOpenAIEmbeddings, "ollama"),
        )
    },
    **{
        kind: ("GET", f"/{name}/v1/models", None, None)
        for kind, name in (
            (m.OpenRouterModels, "openrouter"),
            (m.VLLMModels, "vllm"),
            (m.DeepSeekModels, "deepseek"),
            (m.GroqModels, "groq"),
            (m.GeminiDialectModels, "gemini"),
            (m.OllamaOpenAIModels, "ollama"),
            (m.BedrockOpenAIModels, "bedrock"),
        )
    },
    m.AnthropicMessages: (
        "POST",
        "/v1/messages",
        "/v1/messages",
        {**CLAUDE, "model": "claude-sonnet-4-5"},
    ),
    m.AnthropicCountTokens: (
        "POST",
        "/v1/messages/count_tokens",
        None,
        {**CLAUDE, "model": "claude-sonnet-4-5"},
    ),
    m.AnthropicModels: ("GET", "/v1/models", None, None),
    m.VertexMessages: (
        "POST",
        VERTEX_CLAUDE + ":rawPredict",
        VERTEX_CLAUDE + ":streamRawPredict",
        CLAUDE,
    ),
    m.VertexMistral: (
        "POST",
        PUBLISHERS + "mistralai/models/mistral-medium-3:rawPredict",
        PUBLISHERS + "mistralai/models/mistral-medium-3:streamRawPredict",
        {**CHAT, "model": "mistral-medium-3"},
    ),
    m.VertexFIM: (
        "POST",
        PUBLISHERS + "mistralai/models/codestral-2:rawPredict",
        PUBLISHERS + "mistralai/models/codestral-2:streamRawPredict",
        {"model": "codestral-2", "prompt": "Hi"},
    ),
    m.VertexOpenModels: (
        "POST",
        PUBLISHERS + "ai21/models/jamba-1.5-mini:rawPredict",
        PUBLISHERS + "ai21/models/jamba-1.5-mini:streamRawPredict",
        {**CHAT, "model": "jamba-1.5-mini"},
    ),
    m.VertexClaudeCount: (
        "POST",
        "/v1/projects/p/locations/us/publishers/anthropic/models/count-tokens:rawPredict",
        None,
        {**CLAUDE, "model": "claude-sonnet-4-5"},
    ),
    m.BedrockConverse: ("POST", BEDROCK + "/converse", BEDROCK + "/converse-stream", CONVERSE),
    m.BedrockCountTokens: (
        "POST",
        BEDROCK + "/count-tokens",
        None,
        {"input": {"converse": CONVERSE}},
    ),
    m.BedrockGuardrail: (
        "POST",
        "/guardrail/gr1/version/DRAFT/apply",
        None,
        {"source": "INPUT", "content": [{"text": {"text": "Hi"}}]},
    ),
    m.BedrockGuardrailChecks: (
        "POST",
        "/guardrail-checks/invoke",
        None,
        {
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "checks": {"contentFilter": {"categories": [{"category": "HATE"}]}},
        },
    ),
    m.BedrockClaude: (
        "POST",
        BEDROCK + "/invoke",
        BEDROCK + "/invoke-with-response-stream",
        CLAUDE,
    ),
    m.BedrockNova: (
        "POST",
        "/model/us.amazon.nova-lite-v1%3A0/invoke",
        "/model/us.amazon.nova-lite-v1%3A0/invoke-with-response-stream",
        CONVERSE,
    ),
    m.BedrockOther: (
        "POST",
        "/model/meta.llama3-8b-instruct-v1%3A0/invoke",
        "/model/meta.llama3-8b-instruct-v1%3A0/invoke-with-response-stream",
        {"prompt": "Hi"},
    ),
    m.BedrockTitanEmbed: (
        "POST",
        "/model/amazon.titan-embed-text-v2%3A0/invoke",
        None,
        {"inputText": "Hi"},
    ),
    m.BedrockCohereEmbed: (
        "POST",
        "/model/cohere.embed-english-v3/invoke",
        None,
        {"texts": ["Hi"], "input_type": "search_query"},
    ),
    m.SafetyAnalyze: ("POST", "/contentsafety/text:analyze", None, {"text": "Hi"}),
    m.SafetyShield: (
        "POST",
        "/contentsafety/text:shieldPrompt",
        None,
        {"userPrompt": "Hi", "documents": ["Ho"]},
    ),
    m.SafetyJailbreak: ("POST", "/contentsafety/text:detectJailbreak", None, {"text": "Hi"}),
    m.ArmorPrompt: (
        "POST",
        ARMOR + ":sanitizeUserPrompt",
        None,
        {"user_prompt_data": {"text": "Hi"}},
    ),
    m.ArmorAnswer: (
        "POST",
        ARMOR + ":sanitizeModelResponse",
        None,
        {"modelResponseData": {"text": "Hi"}},
    ),
    m.CohereChat: ("POST", "/v2/chat", "/v2/chat", {**CHAT, "model": "command-a-03-2025"}),
    m.CohereEmbed: (
        "POST",
        "/v2/embed",
        None,
        {"model": "embed-v4.0", "input_type": "search_query", "texts": ["Hi"]},
    ),
    m.CohereRerank: ("POST", "/v2/rerank", None, {"model": "rerank-v3.5", **RANKED}),
    m.CohereRerankV1: ("POST", "/v1/rerank", None, {"model": "rerank-english-v3.0", **RANKED}),
    m.VllmRerank: ("POST", "/v1/rerank", None, {"model": "bge-reranker-v2-m3", **RANKED}),
    m.VoyageRerank: ("POST", "/v1/rerank", None, {"model": "rerank-2.5", **RANKED, "top_k": 2}),
    m.JinaRerank: ("POST", "/v1/rerank", None, {"model": "jina-reranker-v3", **RANKED}),
    m.BedrockRerank: ("POST", "/rerank", None, AGENT_RANKED),
    m.BedrockInvokeRerank: (
        "POST",
        "/model/cohere.rerank-v3-5%3A0/invoke",
        None,
        {"api_version": 2, **RANKED},
    ),
    m.VertexRank: (
        "POST",
        "/v1/projects/p/locations/global/rankingConfigs/default_ranking_config:rank",
        None,
        {"query": "Hi", "records": [{"id": "7", "content": "Ho"}, {"id": "9", "content": "Hi"}]},
    ),
    m.OllamaChat: (
        "POST",
        "/api/chat",
        "/api/chat",
        {**CHAT, "model": "llama3.2", "stream": False},
    ),
    m.OllamaGenerate: (
        "POST",
        "/api/generate",
        "/api/generate",
        {"model": "llama3.2", "system": "Be brief.", "prompt": "Hi", "stream": False},
    ),
    m.OllamaEmbed: ("POST", "/api/embed", None, {"model": "nomic-embed-text", "input": "Hi"}),
    m.OllamaEmbeddings: (
        "POST",
        "/api/embeddings",
        None,
        {"model": "nomic-embed-text", "prompt": "Hi"},
    ),
    m.OllamaTags: ("GET", "/api/tags", None, None),
    m.OllamaPs: ("GET", "/api/ps", None, None),
    m.OllamaShow: ("POST", "/api/show", None, {"model": "llama3.2"}),
    m.OllamaVersion: ("GET", "/api/version", None, None),
    m.ServerHealth: ("GET", "/health", None, None),
    m.ServerPing: ("GET", "/ping", None, None),
    m.ServerVersion: ("GET", "/version", None, None),
    m.ServerLoad: ("GET", "/load", None, None),
    m.ServerInfo: ("GET", "/server_info", None, None),
    m.ModelInfo: ("GET", "/model_info", None, None),
    m.ServerMetrics: ("GET", "/metrics", None, None),
    m.ServerSleep: ("POST", "/sleep", None, {}),
    m.ServerWake: ("POST", "/wake_up", None, {}),
    m.ServerSleeping: ("GET", "/is_sleeping", None, None),
    m.LoadAdapter: (
        "POST",
        "/v1/load_lora_adapter",
        None,
        {"lora_name": "sql", "lora_path": "/adapters/sql"},
    ),
    m.UnloadAdapter: ("POST", "/v1/unload_lora_adapter", None, {"lora_name": "sql"}),
    m.Tokenize: ("POST", "/tokenize", None, {"prompt": "Hi there"}),
    m.Detokenize: ("POST", "/detokenize", None, {"tokens": [421154932, 488208741]}),
    m.GoogleToken: (
        "POST",
        "/token",
        None,
        {
            "grant_type": "refresh_token",
            "client_id": "app",
            "client_secret": "s",
            "refresh_token": "r",
        },
    ),
    m.GoogleExchange: (
        "POST",
        "/v1/token",
        None,
        {
            "grant_type": m.TOKEN_EXCHANGE,
            "audience": "//iam.googleapis.com/projects/1/locations/global/"
            "workloadIdentityPools/p/providers/p",
            "subject_token": "s",
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        },
    ),
    m.GenerateAccessToken: (
        "POST",
        "/v1/projects/-/serviceAccounts/a@p.iam.gserviceaccount.com:generateAccessToken",
        None,
        {"scope": ["https://www.googleapis.com/auth/cloud-platform"]},
    ),
    m.MachineToken: (
        "GET",
        "/computeMetadata/v1/instance/service-accounts/default/token",
        None,
        None,
    ),
    m.MachineIdentity: (
        "GET",
        "/computeMetadata/v1/instance/service-accounts/default/identity",
        None,
        None,
    ),
    m.MachineFacts: ("GET", "/computeMetadata/v1/project/project-id", None, None),
    m.EntraToken: (
        "POST",
        "/mine.onmicrosoft.com/oauth2/v2.0/token",
        None,
        {
            "grant_type": "client_credentials",
            "client_id": "app",
            "client_secret": "s",
            "scope": "https://cognitiveservices.azure.com/.default",
        },
    ),
    m.EntraDirectory: (
        "GET",
        "/mine.onmicrosoft.com/v2.0/.well-known/openid-configuration",
        None,
        None,
    ),
    m.EntraInstance: ("GET", "/common/discovery/instance", None, None),
    m.ManagedIdentity: ("GET", "/metadata/identity/oauth2/token", None, None),
    m.InstanceSession: ("PUT", "/latest/api/token", None, None),
    m.InstanceCredentials: (
        "GET",
        "/latest/meta-data/iam/security-credentials/mock-role",
        None,
        None,
    ),
    m.InstanceFacts: ("GET", "/latest/meta-data/placement/region", None, None),
    m.ContainerCredentials: ("GET", "/v2/credentials/a", None, None),
    m.StsSigned: ("POST", "/", None, b"Action=GetCallerIdentity&Version=2011-06-15"),
    m.StsWebIdentity: (
        "POST",
        "/",
        None,
        b"Action=AssumeRoleWithWebIdentity&RoleArn=arn:aws:iam::123456789012:role/reader"
        b"&RoleSessionName=test&WebIdentityToken=e30.eyJpc3MiOiJtZSJ9.c2ln",
    ),
}
STREAMED = [
    type(wire) for wire in m.WIRE_FORMATS if wire.operation == "generate" and m.can_stream(wire)
]
GENERATE = [
    kind for kind in STREAMED if kind is not m.BedrockOther
]  # which has no way to say anything of its own
EMBEDS = [type(wire) for wire in m.WIRE_FORMATS if m.Embedding in wire.speaks]
RERANKS = [type(wire) for wire in m.WIRE_FORMATS if m.Scores in wire.speaks]
COUNTS = [type(wire) for wire in m.WIRE_FORMATS if wire.operation == "count_tokens"]
FORM_TYPE = {"content-type": "multipart/form-data; boundary=b"}
STREAM = {"stream": True}
SSE = {"stream_format": "sse"}
STREAMED_BY = {m.OpenAISpeech: SSE, m.AzureSpeech: SSE}  # others by "stream"
MISTRAL = {"user-agent": "mistral-client-python/3.7.0"}
# Who issues tokens in memory, at a moment that stands still.
ISSUER = m.Issuer(b"a key", lambda: 1_795_000_000.5)
ON_INSTANCE = {"x-aws-ec2-metadata-token": ISSUER.token("imds", 1_795_000_060)}
ON_MACHINE = {"metadata-flavor": "Google"}
AWS_FORM = {"content-type": "application/x-www-form-urlencoded"}
OWNER_HEADERS = {
    m.AnthropicModels: {"anthropic-version": "2023-06-01"},
    m.MistralChat: MISTRAL,
    m.MistralEmbeddings: MISTRAL,
    m.MistralModels: MISTRAL,
    m.MistralModerations: MISTRAL,
    m.MistralResponses: MISTRAL,
    m.BedrockRerank: {"x-amz-date": "20261126T073000Z"},
    m.MistralSpeech: MISTRAL,
    m.MistralTranscriptions: MISTRAL,
    m.CohereRerankV1: {"user-agent": "cohere/7.3.1", "x-fern-sdk-name": "cohere"},
    m.GenerateAccessToken: {"authorization": "Bearer t"},
    m.MachineToken: ON_MACHINE,
    m.MachineIdentity: ON_MACHINE,
    m.MachineFacts: ON_MACHINE,
    m.ManagedIdentity: {"metadata": "true"},
    m.InstanceSession: {"x-aws-ec2-metadata-token-ttl-seconds": "60"},
    m.InstanceCredentials: ON_INSTANCE,
    m.InstanceFacts: ON_INSTANCE,
    m.StsSigned: {**AWS_FORM, "authorization": "AWS4-HMAC-SHA256 Credential=a"},
    m.StsWebIdentity: AWS_FORM,
}
OWNER_QUERY = {
    m.MachineIdentity: {"audience": "https://mine.example"},
    m.ManagedIdentity: {"api-version": "2018-02-01", "resource": "https://ai.azure.com/"},
}

USAGE = {"input_tokens": 9, "output_tokens": 2}
NEUTRAL = {"text": "Hello world", "usage": USAGE}
CALLS = [
    {"name": "get_weather", "arguments": {"city": "Osló", "days": [1, 2], "deep": {"a": None}}},
    {"name": "now", "arguments": {}},
]
FORMS: Dict[str, Any] = {  # what a mock may say in no provider's terms
    "text": {"text": "Grüße aus 東京 🚀\n  mit  Leerraum \n"},
    "empty": {"text": ""},
    "space": {"text": " \n "},
    "reasoning": {"reasoning": "Let me think.", "text": "Done."},
    "refusal": {"refusal": "I can't help with that."},
    "tool": {"tool_calls": CALLS[:1]},
    "tools": {"tool_calls": CALLS},
    "ids": {"tool_calls": [{**CALLS[0], "id": "call_mine"}]},
    "all": {"reasoning": "Hm.", "text": "Let me look.", "tool_calls": CALLS},
    "parts": {
        "parts": [{"text": "a b"}, {"tool_calls": CALLS[:1]}, {"reasoning": "c d"}, {"text": "e f"}]
    },
    "length": {"text": "cut", "finish_reason": "length"},
    "filter": {"text": "cut", "finish_reason": "content_filter"},
    "chunks": {"text": "0123456789", "chunk_size": 3},
    "nothing": {"finish_reason": "stop"},
    "empty parts": {"reasoning": "", "text": "", "tool_calls": CALLS[1:]},
    "object": {"text": {"city": "Osló", "days": [1, {"a": None}]}},
    "id": {"text": "x", "id": "my-id", "model": "my-model"},
    "usage": {
        "text": "x y",
        "usage": {
            "input_tokens": 100,
            "output_tokens": 20,
            "reasoning_tokens": 5,
            "cached_tokens": 60,
        },
    },
}

CLAUDES_BLOCKS: List[Any] = [
    {
        "type": "server_tool_use",
        "id": "srvtoolu_1",
        "name": "web_search",
        "input": {"query": "two words"},
        "caller": {"type": "direct"},
    },
    {
        "type": "server_tool_use",
        "id": "srvtoolu_2",
        "name": "web_search",
        "input": {"query": "by code"},
        "caller": {"type": "code_execution_20260120", "tool_id": "srvtoolu_0"},
    },
    {
        "type": "web_search_tool_result",
        "tool_use_id": "srvtoolu_1",
        "content": [{"type": "web_search_result", "url": "https://a.example", "title": "ü"}],
    },
    {"type": "redacted_thinking", "data": "b3BhcXVl"},
    {"type": "thinking", "thinking": "Let me see.", "signature": "c2lnbmVk"},
    {"type": "thinking", "thinking": "", "signature": "c2lnbmVk"},
    {
        "citations": [{"type": "web_search_result_location", "url": "https://a.example"}],
        "type": "text",
        "text": "It is so.",
    },
    {"type": "text", "text": "", "citations": None},
    {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "f", "server_name": "s", "input": {}},
    {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": []},
    {"type": "compaction", "content": "All of it.", "encrypted_content": "b3BhcXVl"},
    {"type": "compaction", "content": None},
    {"type": "of next year", "text": "whole"},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"city": "Osló"}},
]
CONVERSE_BLOCKS: List[Any] = [
    {"text": "one two"},
    {"toolUse": {"toolUseId": "t", "name": "f", "type": "server_tool_use", "input": {"a": [1]}}},
    {
        "toolResult": {
            "toolUseId": "t",
            "status": "success",
            "content": [{"json": {}}, {"text": ""}],
        }
    },
    {"reasoningContent": {"redactedContent": "b3BhcXVl"}},
    {"reasoningContent": {"reasoningText": {"text": "Let me see.", "signature": "c2lnbmVk"}}},
    {"reasoningContent": {"reasoningText": {"text": ""}}},
    {
        "citationsContent": {
            "content": [{"text": "It is so."}],
            "citations": [{"title": "ü", "location": {"web": {"url": "https://a.example"}}}],
        }
    },
    {"image": {"format": "png", "source": {"bytes": "cGljdHVyZQ=="}}},
]
GOOGLES_BLOCKS: List[Any] = [
    {"inlineData": {"mimeType": "image/png", "data": "cGljdHVyZQ=="}},
    {"text": "Let me see.", "thought": True, "thoughtSignature": "c2ln" * 1000},
    {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
    {"functionCall": {"name": "f", "args": {}, "id": "mine"}, "thoughtSignature": "c2ln"},
    {"fileData": {"mimeType": "image/png", "fileUri": "gs://a/b"}},
]
COHERES_BLOCKS: List[Any] = [
    {"type": "thinking", "thinking": "Let me see."},
    {"type": "text", "text": "It is so."},
    {"start": 0, "end": 2, "text": "It", "sources": [{"type": "document", "id": "d"}]},
    {"start": 3, "end": 5, "text": "is", "sources": [], "type": "TEXT_CONTENT"},
    {"type": "text", "text": ""},
]
BLOCKS: Dict[type, List[Any]] = {  # what only one provider says, in its own form
    m.AnthropicMessages: CLAUDES_BLOCKS,
    m.VertexMessages: CLAUDES_BLOCKS,
    m.BedrockClaude: CLAUDES_BLOCKS,
    m.BedrockConverse: CONVERSE_BLOCKS,
    m.BedrockNova: CONVERSE_BLOCKS,
    m.GeminiGenerate: GOOGLES_BLOCKS,
    m.VertexGenerate: GOOGLES_BLOCKS,
    m.CohereChat: COHERES_BLOCKS,
}


def with_blocks(kind: type) -> Any:
    """A response of all the blocks of a format, with a text before and after them."""
    parts = [{"block": block} for block in BLOCKS[kind]]
    return {"parts": [{"text": "one two"}, *parts, {"text": "three"}]}


def wire_of(kind: type) -> m.WireFormat:
    return next(wire for wire in m.WIRE_FORMATS if type(wire) is kind)


def form_of(fields: Mapping[str, Any]) -> bytes:
    """Fields as a form, as httpx writes it."""
    parts = []
    for name, value in fields.items():
        told = f'name="{name}"'
        if isinstance(value, dict):
            told += f'; filename="{value["filename"]}"\r\nContent-Type: {value["content_type"]}'
            value = value["data"]
        elif isinstance(value, bool):
            value = str(value).lower()
        parts.append(f"--b\r\nContent-Disposition: form-data; {told}\r\n\r\n{value}\r\n")
    return "".join([*parts, "--b--\r\n"]).encode()


def request_of(
    kind: type,
    stream: bool = False,
    more: Optional[Mapping[str, Any]] = None,
    query: Optional[Mapping[str, str]] = None,
    headers: Optional[Mapping[str, str]] = None,
    body: Any = None,
) -> m.Request:
    """The sample request of a wire format; `more` is merged into its body, which `body` (bytes or
    JSON) replaces."""
    method, path, stream_path, sample = SAMPLES[kind]
    value = sample if body is None else body
    if method == "POST" and not isinstance(value, bytes):
        value = {
            **value,
            **(more or {}),
            **(STREAMED_BY.get(kind, STREAM) if stream and path == stream_path else {}),
        }
        value = form_of(value) if wire_of(kind).takes_form else json.dumps(value).encode()
    sent_as = FORM_TYPE if wire_of(kind).takes_form else {}
    return m.Request(
        method,
        (stream_path if stream else path) or path,
        query or OWNER_QUERY.get(kind, {}),
        {**sent_as, **OWNER_HEADERS.get(kind, {}), **(headers or {})},
        value or b"",
        5001,
    )


def call_of(kind: type, stream: bool = False, **more: Any) -> m.Call:
    request = request_of(kind, stream, **more)
    wire, params = m.route(request)
    assert type(wire) is kind
    return wire.read(request, params, m.Answerer.body(wire, request))


READ: Dict[str, List[m.ParsedMock]] = {}  # by their JSON, mocks that were added before


def answerer(*mocks: Any, **settings: Any) -> m.Answerer:
    """An answerer with these mocks, in this order.  Thousands of tests have the same few, which do
    not change: they are read once."""
    known = m.Mocks()
    session = known.session("")
    session.state.issuer = ISSUER
    told = json.dumps(mocks)
    if told in READ:
        placed = {f"added-{next(known.numbers)}": mock for mock in mocks}
        session.hold(READ[told], placed, dict.fromkeys(placed, 0))
    else:
        READ[told] = session.add(mocks)
    return m.Answerer(known, m.Settings(**settings))


def expressible(kind: type, form: str) -> bool:
    """Whether an API can say what a form holds; legacy completions have no tool calls."""
    kinds = m.parse_neutral(m.Node(FORMS[form])).kinds
    return kinds <= wire_of(kind).speaks


def uses_of(mocks: m.Mocks, session: str = "") -> int:
    """How often a session used its first mock."""
    return mocks.session(session).uses_of(mocks.session(session).in_order()[0]).count


def bytes_of(response: m.HttpResponse) -> bytes:
    return response.body if response.frames is None else b"".join(response.frames)


def ask(answers: m.Answerer, kind: type, stream: bool = False, **more: Any) -> m.HttpResponse:
    return answers.answer(request_of(kind, stream, **more)).response


def said(kind: type, response: Any, stream: bool = False, **more: Any) -> bytes:
    """What a wire format sends for one neutral response."""
    spec = {"match": {"operation": wire_of(kind).operation}, "response": response}
    found = ask(answerer(spec), kind, stream, **more)
    assert found.status == 200, bytes_of(found)
    return bytes_of(found)


def complaint_of(body: bytes) -> str:
    """The message of an error, whoever's shape it has."""
    value = json.loads(body)
    value = value[0] if isinstance(value, list) else value
    found = value.get("error", value.get("message", value.get("detail")))
    assert found, f"where is the message? complaint_of in tests/samples.py does not know: {value}"
    if isinstance(found, list):  # Mistral's 422
        return ".".join(map(str, found[0]["loc"])) + ": " + found[0]["msg"]
    return found["message"] if isinstance(found, dict) else found


def steps_of(
    response: m.HttpResponse, accept: Optional[str] = None, **exchange: Any
) -> List[m.Step]:
    """The steps of a response, for a client that sends this Accept-Encoding."""
    coding = m.coding_of(response, accept)
    return list(m.answer_steps(response, m.Exchange(coding=coding, **exchange)))
