"""All wire formats, and the names of their providers, operations and APIs.  Pure."""

from __future__ import annotations

from . import (  # noqa: F401  defining a class registers it
    anthropic,
    anthropic_models,
    aws_metadata,
    aws_sts,
    azure,
    azure_audio,
    azure_chat,
    azure_responses,
    azure_tokens,
    bedrock_converse,
    bedrock_count_tokens,
    bedrock_guardrails,
    bedrock_invoke,
    bedrock_openai,
    bedrock_rerank,
    cohere,
    cohere_embed,
    cohere_rerank,
    content_safety,
    deepseek,
    gemini,
    gemini_embeddings,
    gemini_generate,
    gemini_models,
    google_metadata,
    google_openai,
    google_tokens,
    groq,
    imagen,
    mistral,
    mistral_audio,
    mistral_chat,
    mistral_classifiers,
    mistral_ocr,
    mistral_responses,
    model_armor,
    model_server,
    ollama,
    ollama_models,
    ollama_openai,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_images,
    openai_models,
    openai_moderations,
    openai_speech,
    openai_transcriptions,
    openrouter,
    rerank_hosts,
    rerank_vllm,
    responses,
    responses_compact,
    responses_stored,
    server_control,
    server_metrics,
    tokens,
    vertex,
    vertex_claude,
    vertex_partners,
    vertex_rank,
    vllm,
)
from .base import WIRE_FORMATS
from .openai_chat import OpenAIChat
from .other import Other

OTHER = Other.operation
PROVIDERS = frozenset(wire.provider for wire in WIRE_FORMATS)
OPERATIONS = frozenset((OTHER, *(wire.operation for wire in WIRE_FORMATS)))
APIS = frozenset(wire.api for wire in WIRE_FORMATS)
DEFAULT_SHAPE = next(wire for wire in WIRE_FORMATS if type(wire) is OpenAIChat)
