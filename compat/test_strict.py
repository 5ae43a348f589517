"""Every answer of every wire format, as it stands in tests/golden, held strictly against the models
of the newest official SDKs, which themselves pass over much that is unknown, missing or misspelled.

A new format gets a row in KINDS; what a provider sends though its SDK does not know it, a row with
the reason in DEVIATIONS.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterator, List, NamedTuple, Tuple, Union

import anthropic.types as claude
import anthropic.types.beta as claude_beta
import botocore.session
import cohere
import groq.types as groq
import groq.types.chat as groq_chat
import mistralai.client.models as mistral
import ollama
import openai.types as gpt
import openai.types.audio as gpt_audio
import openai.types.chat as gpt_chat
import openai.types.responses as gpt_responses
import openai.types.shared as gpt_shared
import pytest
from cohere.v2.types import V2ChatResponse, V2ChatStreamResponse, V2RerankResponse
from google.genai import types as google
from groq.types.shared import ErrorObject as GroqErrorObject
from mistralai.client.errors.httpvalidationerror import HTTPValidationErrorData
from openrouter import components as openrouter
from openrouter.operations.createembeddings import CreateEmbeddingsResponseBody
from pydantic import BaseModel, Field
from strict import faults
from typing_extensions import Literal, NotRequired, TypedDict

import mock_server as m

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
# Answers in which a mock says something in the provider's own form, which may be made up.
OWN = re.compile("recorded|extra|blocks|own-items|reference|error-with-everything")


# --- what the SDKs say ---


class Kinds(NamedTuple):
    """What the answers of an API are held against.  Of what is None there is nothing to know."""

    whole: Any
    error: Any
    event: Any = None
    item: Any = None  # one of a list, where it is asked for by name


class Status(TypedDict):
    """Google's errors, of which google-genai has no model."""

    code: int
    message: str
    status: str
    details: NotRequired[List[Dict[str, Any]]]


class Prediction(TypedDict):
    """What Imagen predicts, which google-genai makes a GeneratedImage of."""

    mimeType: NotRequired[str]
    bytesBase64Encoded: NotRequired[str]
    prompt: NotRequired[str]
    raiFilteredReason: NotRequired[str]


class Ranking(TypedDict):
    """One of the records that Google ranks (googleapis, discoveryengine/v1/rank_service.proto)."""

    id: str
    title: NotRequired[str]
    content: NotRequired[str]
    score: float


class Voyage(TypedDict):
    """One of the documents that Voyage ranks (voyageai, object/reranking.py)."""

    index: int
    relevance_score: float
    document: NotRequired[str]


class Ranked(TypedDict):
    """One of the documents that vLLM ranks (read in its source)."""

    index: int
    relevance_score: float
    document: NotRequired[TypedDict("Text", {"text": str})]


class Jina(TypedDict):
    """One of the documents that Jina ranks, which come as they were sent (wire formats, more,
    section 1)."""

    index: int
    relevance_score: float
    document: NotRequired[Union[str, TypedDict("Text", {"text": str})]]


class SpokenDelta(TypedDict):
    """Bytes of speech, as the API's reference has them: no SDK reads that stream."""

    type: Literal["speech.audio.delta"]
    audio: bytes


class SpokenDone(TypedDict):
    """The end of that stream."""

    type: Literal["speech.audio.done"]
    usage: TypedDict("Spent", {"input_tokens": int, "output_tokens": int, "total_tokens": int})


class OpenRouterError(TypedDict):
    """OpenRouter's errors, of which its SDK has a model each status, all alike."""

    error: openrouter.UnauthorizedResponseErrorData
    user_id: NotRequired[str]


class GroqBroken(TypedDict):
    """What groq raises in a stream, of which it reads the message alone."""

    message: str
    type: str
    status_code: int


class MistralError(TypedDict):
    """Mistral's errors that are not of a field (wire formats, section 12)."""

    object: str
    message: str
    type: str
    param: None
    code: Union[str, None]
    raw_status_code: int


class MistralDetail(TypedDict):
    """The same of a credential."""

    detail: str


class MistralBroken(TypedDict):
    """The same in a stream."""

    error: MistralError


AWS = botocore.session.get_session()
RUNTIME = AWS.get_service_model("bedrock-runtime")
AGENTS = AWS.get_service_model("bedrock-agent-runtime")


def output_of(operation: str, member: str = "", service: Any = RUNTIME) -> Any:
    """The shape of what an operation of AWS answers, or of a member of that."""
    shape: Any = service.operation_model(operation).output_shape
    return shape.members[member] if member else shape


GPT_ERROR = {"error": gpt_shared.ErrorObject}
GOOGLE_ERROR = {"error": Status}
MISTRAL_ERROR = Union[HTTPValidationErrorData, MistralError, MistralDetail, MistralBroken]
COHERE_ERROR = {"id": str, "message": str}
AWS_ERROR = {"message": str}
OLLAMA_ERROR = {"error": str}

CHAT = Kinds(gpt_chat.ChatCompletion, GPT_ERROR, gpt_chat.ChatCompletionChunk)
COMPLETIONS = Kinds(gpt.Completion, GPT_ERROR, gpt.Completion)
EMBEDDINGS = Kinds(gpt.CreateEmbeddingResponse, GPT_ERROR)
MODERATIONS = Kinds(gpt.ModerationCreateResponse, GPT_ERROR)
MODELS = Kinds({"object": str, "data": [gpt.Model]}, GPT_ERROR, item=gpt.Model)
RESPONSES = Kinds(gpt_responses.Response, GPT_ERROR, gpt_responses.ResponseStreamEvent)
DELETED = {"id": str, "object": str, "deleted": bool}  # which the SDK does not read
INPUT_TOKENS = Kinds(gpt_responses.InputTokenCountResponse, GPT_ERROR)
GEMINI = Kinds(google.GenerateContentResponse, GOOGLE_ERROR, google.GenerateContentResponse)
GEMINI_COUNT = Kinds(google.CountTokensResponse, GOOGLE_ERROR)
GEMINI_BATCH = Kinds(google.EmbedContentResponse, GOOGLE_ERROR)
VECTOR = {"embedding": google.ContentEmbedding}
CLAUDE = Kinds(claude.Message, claude.ErrorResponse, claude.RawMessageStreamEvent)
CLAUDE_COUNT = Kinds(claude.MessageTokensCount, claude.ErrorResponse)
BETA = CLAUDE._replace(whole=claude_beta.BetaMessage, event=claude_beta.BetaRawMessageStreamEvent)
BETA_COUNT = CLAUDE_COUNT._replace(whole=claude_beta.BetaMessageTokensCount)
CLAUDE_MODELS = {"data": [claude.ModelInfo], "has_more": bool, "first_id": str, "last_id": str}
# In front of Claude stands Google, whose errors are its own.
AtGoogle = TypedDict("AtGoogle", {"error": Status})
CLAUDE_AT_GOOGLE = Union[claude.ErrorResponse, AtGoogle]
MISTRAL_AT_GOOGLE = Union[MISTRAL_ERROR, AtGoogle]
GPT_AT_GOOGLE = Union[TypedDict("AtFront", {"error": gpt_shared.ErrorObject}), AtGoogle]
PICTURES = Kinds(gpt.ImagesResponse, GPT_ERROR, gpt.ImageGenStreamEvent)
EDITED = PICTURES._replace(event=gpt.ImageEditStreamEvent)
IMAGEN = Kinds({"predictions": [Prediction]}, GOOGLE_ERROR)
CONVERSE = Kinds(output_of("Converse"), AWS_ERROR, output_of("ConverseStream", "stream"))
INVOKED = output_of("InvokeModelWithResponseStream", "body")

SPEECH = Kinds(None, GPT_ERROR, Union[SpokenDelta, SpokenDone])
HEARD = Kinds(gpt_audio.TranscriptionCreateResponse, GPT_ERROR, gpt_audio.TranscriptionStreamEvent)
TRANSLATED = Kinds(gpt_audio.TranslationCreateResponse, GPT_ERROR)
GROQ_ERROR = {"error": Union[GroqErrorObject, GroqBroken]}
OPENROUTER = Kinds(openrouter.ChatResult, OpenRouterError, openrouter.ChatStreamChunk)
DETAIL = {"detail": Union[str, List[Dict[str, Any]]]}  # of the key, or of fields as FastAPI has it

SEVERITIES = {
    "blocklistsMatch": [{"blocklistName": str, "blocklistItemId": str, "blocklistItemText": str}],
    "categoriesAnalysis": [{"category": str, "severity": int}],
}
SAFETY_ERROR = {"error": {"code": str, "message": str}}
# What vLLM says in its source: it has no SDK.  Its 401 is a sentence alone.
TOKENS = {
    "count": int,
    "max_model_len": int,
    "tokens": [int],
    "token_strs": Union[List[str], None],
}
VLLM_ERROR = {
    "error": Union[
        str,
        TypedDict(
            "VllmError",
            {"message": str, "type": str, "param": Union[str, None], "code": int},
        ),
    ]
}
VLLM_RANKED = {
    "id": str,
    "model": str,
    "usage": {"prompt_tokens": int, "total_tokens": int},
    "results": [Ranked],
}
NO_JSON = (
    *("ServerHealth", "ServerPing", "ServerMetrics", "ServerSleep", "ServerWake"),
    *("LoadAdapter", "UnloadAdapter"),
)
KINDS: Dict[str, Kinds] = {
    "OpenAIChat": CHAT,
    "OpenAICompletions": COMPLETIONS,
    "OpenAIEmbeddings": EMBEDDINGS,
    "OpenAIModerations": MODERATIONS,
    "OpenAIImages": PICTURES,
    "OpenAIImageEdits": EDITED,
    "OpenAIPicture": Kinds(None, GPT_ERROR),
    "OpenAIVariations": Kinds(None, GPT_ERROR),
    "AzureImages": PICTURES,
    "AzureImageEdits": EDITED,
    "GeminiImagen": IMAGEN,
    "VertexImagen": IMAGEN,
    "VertexMistral": Kinds(
        mistral.ChatCompletionResponse, MISTRAL_AT_GOOGLE, mistral.CompletionChunk
    ),
    "VertexFIM": Kinds(mistral.FIMCompletionResponse, MISTRAL_AT_GOOGLE, mistral.CompletionChunk),
    "VertexOpenModels": CHAT._replace(error=GPT_AT_GOOGLE),
    "OpenAIModels": MODELS,
    "OpenAIResponses": RESPONSES,
    "OpenAIInputTokens": INPUT_TOKENS,
    "OpenAICompact": Kinds(gpt_responses.CompactedResponse, GPT_ERROR),
    "OpenAIRetrieve": RESPONSES,
    "OpenAICancel": RESPONSES,
    "OpenAIDelete": Kinds(DELETED, GPT_ERROR),
    "OpenAIInputItems": Kinds(gpt_responses.ResponseItemList, GPT_ERROR),
    "AzureChat": CHAT,
    "AzureCompletions": COMPLETIONS,
    "AzureEmbeddings": EMBEDDINGS,
    "AzureModerations": MODERATIONS,
    "AzureModels": MODELS,
    "AzureResponses": RESPONSES,
    "AzureInputTokens": INPUT_TOKENS,
    "AzureCompact": Kinds(gpt_responses.CompactedResponse, GPT_ERROR),
    "AzureRetrieve": RESPONSES,
    "AzureCancel": RESPONSES,
    "AzureDelete": Kinds(DELETED, GPT_ERROR),
    "AzureInputItems": Kinds(gpt_responses.ResponseItemList, GPT_ERROR),
    "GeminiChat": CHAT._replace(error=GOOGLE_ERROR),
    "GeminiOpenAIEmbeddings": EMBEDDINGS._replace(error=GOOGLE_ERROR),
    "GeminiOpenAIModels": MODELS._replace(error=GOOGLE_ERROR),
    "VertexChat": CHAT._replace(error=GOOGLE_ERROR),
    "VertexOpenAIEmbeddings": EMBEDDINGS._replace(error=GOOGLE_ERROR),
    "GeminiGenerate": GEMINI,
    "GeminiCountTokens": GEMINI_COUNT,
    "GeminiEmbed": Kinds(VECTOR, GOOGLE_ERROR),
    "GeminiBatchEmbed": GEMINI_BATCH,
    "GeminiModels": Kinds({"models": [google.Model]}, GOOGLE_ERROR, item=google.Model),
    "VertexGenerate": GEMINI,
    "VertexCountTokens": GEMINI_COUNT,
    "VertexEmbed": Kinds({**VECTOR, "usageMetadata": google.UsageMetadata}, GOOGLE_ERROR),
    "VertexBatchEmbed": GEMINI_BATCH,
    "VertexPredict": Kinds(
        {"predictions": [{"embeddings": google.ContentEmbedding}]}, GOOGLE_ERROR
    ),
    "VertexModels": Kinds({"publisherModels": [google.Model]}, GOOGLE_ERROR, item=google.Model),
    "AnthropicMessages": CLAUDE,
    "AnthropicCountTokens": CLAUDE_COUNT,
    "AnthropicModels": Kinds(CLAUDE_MODELS, claude.ErrorResponse, item=claude.ModelInfo),
    "VertexMessages": CLAUDE._replace(error=CLAUDE_AT_GOOGLE),
    "VertexClaudeCount": CLAUDE_COUNT._replace(error=CLAUDE_AT_GOOGLE),
    "BedrockClaude": CLAUDE._replace(error=AWS_ERROR),
    "BedrockConverse": CONVERSE,
    "BedrockNova": CONVERSE,
    "BedrockCountTokens": Kinds(output_of("CountTokens"), AWS_ERROR),
    "BedrockOther": Kinds(None, AWS_ERROR),
    "BedrockTitanEmbed": Kinds(None, AWS_ERROR),
    "BedrockCohereEmbed": Kinds(cohere.EmbedResponse, AWS_ERROR),
    "BedrockGuardrail": Kinds(output_of("ApplyGuardrail"), AWS_ERROR),
    "BedrockGuardrailChecks": Kinds(output_of("InvokeGuardrailChecks"), AWS_ERROR),
    "CohereChat": Kinds(V2ChatResponse, COHERE_ERROR, V2ChatStreamResponse),
    "CohereEmbed": Kinds(cohere.EmbedByTypeResponse, COHERE_ERROR),
    "MistralChat": Kinds(mistral.ChatCompletionResponse, MISTRAL_ERROR, mistral.CompletionChunk),
    "MistralFIM": Kinds(mistral.FIMCompletionResponse, MISTRAL_ERROR, mistral.CompletionChunk),
    "MistralEmbeddings": Kinds(mistral.EmbeddingResponse, MISTRAL_ERROR),
    "MistralModels": Kinds(mistral.ModelList, MISTRAL_ERROR, item=mistral.BaseModelCard),
    "MistralResponses": Kinds(
        mistral.CreateResponseResponse, MISTRAL_ERROR, mistral.ResponsesStreamFrameData
    ),
    "MistralModerations": Kinds(mistral.ModerationResponse, MISTRAL_ERROR),
    "MistralChatModerations": Kinds(mistral.ModerationResponse, MISTRAL_ERROR),
    "MistralClassifications": Kinds(mistral.ClassificationResponse, MISTRAL_ERROR),
    "MistralChatClassifications": Kinds(mistral.ClassificationResponse, MISTRAL_ERROR),
    "MistralOCR": Kinds(mistral.OCRResponse, MISTRAL_ERROR),
    "MistralSpeech": Kinds(
        mistral.SpeechResponse, MISTRAL_ERROR, mistral.SpeechV1AudioSpeechPostData
    ),
    "MistralTranscriptions": Kinds(
        mistral.TranscriptionResponse, MISTRAL_ERROR, mistral.TranscriptionStreamEventsData
    ),
    "OllamaChat": Kinds(ollama.ChatResponse, OLLAMA_ERROR, ollama.ChatResponse),
    "OllamaGenerate": Kinds(ollama.GenerateResponse, OLLAMA_ERROR, ollama.GenerateResponse),
    "OllamaEmbed": Kinds(ollama.EmbedResponse, OLLAMA_ERROR),
    "OllamaEmbeddings": Kinds(ollama.EmbeddingsResponse, OLLAMA_ERROR),
    "OllamaTags": Kinds(ollama.ListResponse, OLLAMA_ERROR),
    "OllamaPs": Kinds(ollama.ProcessResponse, OLLAMA_ERROR),
    "OllamaShow": Kinds(ollama.ShowResponse, OLLAMA_ERROR),
    "OllamaVersion": Kinds({"version": str}, OLLAMA_ERROR),
    "SafetyAnalyze": Kinds(SEVERITIES, SAFETY_ERROR),
    "SafetyShield": Kinds(None, SAFETY_ERROR),
    "SafetyJailbreak": Kinds(None, SAFETY_ERROR),
    "ArmorPrompt": Kinds(None, GOOGLE_ERROR),
    "ArmorAnswer": Kinds(None, GOOGLE_ERROR),
    "ServerVersion": Kinds({"version": str}, VLLM_ERROR),
    "ServerLoad": Kinds({"server_load": int}, VLLM_ERROR),
    "ServerSleeping": Kinds({"is_sleeping": bool}, VLLM_ERROR),
    "Tokenize": Kinds(TOKENS, VLLM_ERROR),
    "Detokenize": Kinds({"prompt": str}, VLLM_ERROR),
    **dict.fromkeys(("ServerInfo", "ModelInfo"), Kinds(None, VLLM_ERROR)),
    **dict.fromkeys(NO_JSON, Kinds(None, VLLM_ERROR)),
    **dict.fromkeys(("OpenAISpeech", "AzureSpeech"), SPEECH),
    **dict.fromkeys(("OpenAITranscriptions", "AzureTranscriptions"), HEARD),
    **dict.fromkeys(("OpenAITranslations", "AzureTranslations"), TRANSLATED),
    "CohereRerank": Kinds(V2RerankResponse, COHERE_ERROR),
    "CohereRerankV1": Kinds(cohere.RerankResponse, COHERE_ERROR),
    "VllmRerank": Kinds(VLLM_RANKED, VLLM_ERROR),
    "VoyageRerank": Kinds(
        {"object": str, "data": [Voyage], "model": str, "usage": {"total_tokens": int}}, DETAIL
    ),
    "JinaRerank": Kinds(
        {"object": str, "results": [Jina], "model": str, "usage": {"total_tokens": int}}, DETAIL
    ),
    "BedrockRerank": Kinds(output_of("Rerank", service=AGENTS), AWS_ERROR),
    "BedrockInvokeRerank": Kinds({"results": [Voyage]}, AWS_ERROR),
    "VertexRank": Kinds({"records": [Ranking]}, GOOGLE_ERROR),
    "OpenRouterChat": OPENROUTER,
    "OpenRouterEmbeddings": OPENROUTER._replace(whole=CreateEmbeddingsResponseBody),
    "OpenRouterModels": OPENROUTER._replace(
        whole=openrouter.ModelsListResponse, item=openrouter.ModelResponse
    ),
    "VLLMChat": CHAT._replace(error=VLLM_ERROR),
    "VLLMCompletions": COMPLETIONS._replace(error=VLLM_ERROR),
    "VLLMEmbeddings": EMBEDDINGS._replace(error=VLLM_ERROR),
    "VLLMModels": MODELS._replace(error=VLLM_ERROR),
    "DeepSeekChat": CHAT,
    "DeepSeekModels": MODELS,
    "GroqChat": Kinds(groq_chat.ChatCompletion, GROQ_ERROR, groq_chat.ChatCompletionChunk),
    "GroqModels": Kinds(groq.ModelListResponse, GROQ_ERROR, item=groq.Model),
    "GeminiDialectChat": CHAT._replace(error=GOOGLE_ERROR),
    "GeminiDialectEmbeddings": EMBEDDINGS._replace(error=GOOGLE_ERROR),
    "GeminiDialectModels": MODELS._replace(error=GOOGLE_ERROR),
    "OllamaOpenAIChat": CHAT,
    "OllamaOpenAICompletions": COMPLETIONS,
    "OllamaOpenAIEmbeddings": EMBEDDINGS,
    "OllamaOpenAIModels": MODELS,
    "BedrockOpenAIChat": CHAT,
    "BedrockOpenAIModels": MODELS,
}

# The same where a request asks for what only the SDK's beta has, by a file's name.
BETAS: Dict[str, Dict[str, Kinds]] = {
    "managed-context": {
        "AnthropicMessages": BETA,
        "VertexMessages": BETA,
        "BedrockClaude": BETA,
        "AnthropicCountTokens": BETA_COUNT,
    },
}

# What is sent on purpose: the format, the place, what is said of it, as regular expressions; and
# why.  Numbers are sections of the wire formats.
DEVIATIONS: Dict[Tuple[str, str], str] = {
    (
        "(Open|Azure).*(Transcriptions|Translations)",
        r"(Transcription|Translation)Verbose\.task is unknown",
    ): "in the API's reference",
    ("(Voyage|Jina)Rerank", r"error\.(detail is missing|error is unknown)"): (
        "of a body that is no JSON: whose it is, the path alone does not tell; vLLM's form is usual"
    ),
    (
        "(Gemini|Vertex|GeminiDialect)Chat",
        r"ChoiceDelta(\.extra_content is unknown|ToolCall\.index is missing)",
    ): "recorded; openai's helper for streams fails on it (openai-python, issue 2806)",
    ("OpenRouterChat", r"Chat(Result|StreamChunk)\.provider is unknown"): "recorded",
    ("OpenRouterChat", r"Chat(Stream)?Choice\.native_finish_reason is unknown"): "recorded",
    (
        "OpenRouterChat",
        r"ChatUsageCompletionTokensDetails\.image_tokens is unknown",
    ): "recorded",
    ("OpenRouterEmbeddings", r"CreateEmbeddingsResponseBody\.provider is unknown"): "recorded",
    ("(VLLM|OllamaOpenAI)Chat", r"(ChatCompletionMessage|ChoiceDelta)\.reasoning is unknown"): (
        "their name of thoughts (read in their source)"
    ),
    (
        "VLLM.*",
        r"\w+\.(prompt_token_ids|token_ids|stop_reason|prompt_logprobs|kv_transfer_params) "
        r"is unknown|Completion\.service_tier is unknown",
    ): "read in vLLM's source",
    (
        "VLLMEmbeddings",
        r"CreateEmbeddingResponse\.(id|created) is unknown|"
        r"Usage\.(completion_tokens|prompt_tokens_details) is unknown",
    ): "read in vLLM's source",
    ("VLLMModels", r"Model\.(root|parent|max_model_len|permission) is unknown"): (
        "read in vLLM's source"
    ),
    ("DeepSeekChat", r"CompletionUsage\.prompt_cache_(hit|miss)_tokens is unknown"): "documented",
    (
        "(DeepSeek|OllamaOpenAI)Chat",
        r"ChatCompletionMessageFunctionToolCall\.index is unknown",
    ): "recorded or read in the source, also of whole answers",
    ("DeepSeekModels", r"Model\.created is missing"): "documented without",
    ("GroqChat", r"Choice\.finish_reason is 'content_filter'.*"): (
        "what a mock asks for, of which groq has a word for streams alone"
    ),
    (
        "GroqModels",
        r"Model\.(active|context_window|public_apps|max_completion_tokens) is unknown",
    ): "documented",
    (
        ".*Chat|VertexOpenModels",
        r"(ChatCompletionMessage|ChoiceDelta)\.reasoning_content is unknown",
    ): ("other vendors' thoughts, for which OpenAI has no member (5.2)"),
    ("Mistral(Chat|FIM)|Vertex(Mistral|FIM)", r"UsageInfo\.prompt_tokens_details is unknown"): (
        "in the provider's documentation of prompt caching"
    ),
    ("OpenAIChat", "ChoiceDeltaToolCall.(custom is unknown|type is 'custom'.*)"): (
        "a custom tool's call, of which openai has models of whole ones alone"
    ),
    ("(OpenAI|Azure)Image.*", r"error\.type is unknown"): (
        "the name of the event, as all of a stream have it; openai raises on what is in it"
    ),
    (".*Completions", "CompletionChoice.finish_reason is None.*"): (
        "of all chunks but the last, also in the API's reference (5.4)"
    ),
    (".*Embeddings", "(Embedding|EmbeddingResponseData).embedding is '.*"): (
        "base64, which the SDK asks for and decodes before it makes the model (5.6)"
    ),
    (
        "(OpenAI|Azure)(Responses|Retrieve|Cancel)",
        r"Response\.(billing|frequency_penalty|presence_penalty|store) is unknown",
    ): "recorded (5.5)",
    (
        "(OpenAI|Azure)(Responses|Retrieve)",
        r"Response(Text|Refusal|ReasoningSummaryText|FunctionCallArguments|CustomToolCallInput)"
        r"DeltaEvent\.obfuscation is unknown",
    ): "recorded (5.5)",
    (
        "(OpenAI|Azure)(Responses|Retrieve)",
        r"ResponseFunctionCallArgumentsDoneEvent\.name is unknown",
    ): ("which mistralai requires"),
    ("(OpenAI|Azure)Responses", r"ResponseCustomToolCall\.status is unknown"): (
        "which openai has in ResponseCustomToolCallItem"
    ),
    ("(OpenAI|Azure)Responses", r"ResponseErrorEvent\.(message is missing|error is unknown)"): (
        "nested, which is the form that the SDK raises on (5.5, verified)"
    ),
    (
        "(OpenAI|Azure)Compact",
        r"ResponseOutput(Message\.role is 'user'|Text\.(annotations|type is 'input_text')).*",
    ): "messages of the user, which the SDK's documentation has there, and its type has not",
    (
        "Azure(Responses|Retrieve|Cancel)",
        r"Response\.content_filters is unknown",
    ): "recorded (section 6)",
    ("AzureChat", r"ChatCompletionChunk\.object is ''.*"): "the first chunk, recorded (section 6)",
    (
        "AzureChat",
        r"(ChatCompletion|ChatCompletionChunk)\.prompt_filter_results is unknown|"
        r"Choice\.content_filter_results is unknown",
    ): "recorded (section 6)",
    ("Azure.*", r"ErrorObject\.(type is missing|type is None.*)"): "recorded (section 6)",
    ("Azure.*", r"ErrorObject\.(status|innererror) is unknown"): "quoted (section 6)",
    ("Gemini(OpenAI|Dialect)Models", r"Model\.created is missing"): "Google's list has none",
    ("VertexChat", r"CompletionUsage\.extra_properties is unknown"): "documented (8.3)",
    (".*CountTokens", r"CountTokensResponse\.promptTokensDetails is unknown"): (
        "recorded (section 7); the SDK drops it"
    ),
    (".*Models", r"whole\.nextPageToken is unknown"): "the SDK reads it in its pager",
    ("GeminiModels", r"Model\.supportedGenerationMethods is unknown"): (
        "the SDK has it as supported_actions (_Model_from_mldev)"
    ),
    (
        "VertexModels",
        r"Model\.(versionId|openSourceCategory|launchStage|publisherModelTemplate|"
        r"predictSchemata) is unknown",
    ): "a PublisherModel, of which the SDK reads what it knows (_Model_from_vertex)",
    ("VertexPredict", r"ContentEmbeddingStatistics\.token_count is unknown"): "recorded (8.1)",
    ("Anthropic.*|Vertex.*", r"NotFoundErrorObject\.details is unknown"): (
        "anthropic's ErrorDetails, which none of its error objects has"
    ),
    ("BedrockClaude", r"(Beta)?RawMessageStopEvent\.amazon-bedrock-invocationMetrics is unknown"): (
        "Bedrock's own, recorded (10.1)"
    ),
    ("Bedrock(Converse|Nova|Claude)", r"\w+Event\.p is unknown"): "padding, recorded (10.1)",
    ("BedrockNova", r"ConverseResponse\.metrics is missing"): "they are headers (section 10)",
    ("BedrockNova", r"TokenUsage\.cache(Read|Write)InputTokenCount is unknown"): "Nova's own names",
    (
        "CohereChat",
        r"ChatMessageStartEventDeltaMessage\.(content|tool_plan|tool_calls|citations) is unknown",
    ): "recorded (section 11)",
    (
        "Mistral(Chat|FIM)|Vertex(Mistral|FIM)",
        r"CompletionChunk\.p is unknown",
    ): "padding, recorded (section 12)",
    (
        "OllamaChat",
        r"(ToolCall\.id|Function\.index) is unknown",
    ): "read in the server's source (13)",
    ("Ollama(Chat|Generate)", r"(Token)?Logprob\.bytes is unknown"): (
        "read in the server's source (api/types.go)"
    ),
    ("OllamaTags", r"Model\.name is unknown"): "read in the server's source (13)",
}


# --- what is sent ---


class Sent(NamedTuple):
    """One JSON value of an answer, and what it is held against."""

    value: Any
    kind: Any
    name: str  # where the kind has none


def events_of(kinds: Kinds, head: bytes, body: bytes) -> Iterator[Sent]:
    """The events of a stream."""
    if b"application/vnd.amazon.eventstream" in head:
        yield from aws_events(kinds, body)
    elif b"text/event-stream" in head:
        for frame in m.OPENAI_SSE.split(body):
            name, value = m.OPENAI_SSE.decoded(frame)
            # A comment alone has no value.
            if value not in ("[DONE]", "") and name != "ping":
                yield sent_event(kinds, value)
    elif b"x-ndjson" in head:
        for line in body.splitlines():
            yield sent_event(kinds, json.loads(line))
    else:  # Google's array
        for value in json.loads(body):
            yield sent_event(kinds, value)


def sent_event(kinds: Kinds, value: Any) -> Sent:
    """An event that says something of the answer, or the error that breaks it off."""
    # Of the SDKs' events only those of Responses and OpenRouter have errors, too.
    if "error" in value and kinds not in (RESPONSES, OPENROUTER):
        return Sent(value, kinds.error, "error")
    return Sent(value, kinds.event, "event")


def aws_events(kinds: Kinds, body: bytes) -> Iterator[Sent]:
    """Bedrock's: an event or exception of Converse, or a chunk with what the model says."""
    for headers, payload in m.AWS_EVENTS.split(body):
        name = headers.get(":event-type") or headers[":exception-type"]
        value = json.loads(payload)
        if name == "chunk":
            value = json.loads(base64.b64decode(value["bytes"]))
            # Nova's models answer with Converse's events.
            yield Sent(value, kinds.event, "event")
        elif kinds is CONVERSE:
            yield Sent({name: value}, kinds.event, "event")
        else:
            yield Sent({name: value}, INVOKED, "event")


def sent_in(kinds: Kinds, name: str, answer: bytes) -> Iterator[Sent]:
    """The JSON values of an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    is_stream = re.search(b"Content-Type: (text/event-stream|application/(vnd.amazon|x-nd))", head)
    if status >= 400:
        value = json.loads(body)
        value = value[0] if isinstance(value, list) else value
        value.pop("near_misses", None)  # the server's own
        yield Sent(value, kinds.error, "error")
    elif is_stream or body.startswith(b"[{"):
        yield from events_of(kinds, head, body)
    elif not re.search(b"Content-Type: application/([a-z]+[+])?json", head):
        return  # pictures, sounds, texts
    elif kinds.whole is not None:  # what nobody has a model of may be no JSON
        kind = kinds.item if name.startswith("one.") else kinds.whole
        yield Sent(json.loads(body), kind, "whole")


def found_in(folder: Path) -> Dict[str, str]:
    """What is wrong in the answers of a format, and where it was seen first."""
    found: Dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if OWN.search(path.name):
            continue
        betas = BETAS.get(path.name.partition(".")[0], {})
        kinds = betas.get(folder.name, KINDS[folder.name])
        for value, kind, name in sent_in(kinds, path.name, path.read_bytes()):
            if kind is not None:
                for fault in faults(value, kind, "", name):
                    found.setdefault(f"{fault.place} {fault.said}", f"{path.name} {fault.path}")
    return found


@functools.lru_cache(maxsize=None)
def judged(name: str) -> Tuple[Dict[str, str], FrozenSet[Tuple[str, str]]]:
    """What is wrong in the answers of a format, and which deviations explain the rest."""
    found, used = found_in(GOLDEN / name), set()
    for about in [key for key in DEVIATIONS if re.fullmatch(key[0], name)]:
        explained = [said for said in found if re.fullmatch(about[1], said, re.DOTALL)]
        used.update(about for _ in explained)
        found = {said: where for said, where in found.items() if said not in explained}
    return found, frozenset(used)


# --- the tests ---


@pytest.mark.parametrize("name", KINDS)
def test_every_answer_is_as_the_sdk_has_it(name: str) -> None:
    found = [f"{said}, in {where}" for said, where in judged(name)[0].items()]
    assert not found, "\n".join(found)


# What credential code alone reads, which has no models: test_tokens.py holds it against that.
TOKEN_FORMATS = {
    *("ContainerCredentials", "EntraDirectory", "EntraInstance", "EntraToken"),
    *("GenerateAccessToken", "GoogleExchange", "GoogleToken", "InstanceCredentials"),
    *("InstanceFacts", "InstanceSession", "MachineFacts", "MachineIdentity", "MachineToken"),
    *("ManagedIdentity", "StsSigned", "StsWebIdentity"),
}


def test_every_format_is_held_against_an_sdk() -> None:
    folders = {path.name for path in GOLDEN.iterdir() if path.is_dir()}
    assert set(KINDS) | TOKEN_FORMATS == folders and not TOKEN_FORMATS & set(KINDS)


def test_every_deviation_is_one() -> None:
    used = frozenset().union(*(judged(name)[1] for name in KINDS))
    assert set(DEVIATIONS) - used == set()


class Leaf(BaseModel):
    type: Literal["leaf"]
    shade: Union[Literal["green", "red"], str, None] = None


class Bud(BaseModel):
    type: Literal["bud"] = "bud"
    model: Union[str, Literal["rose"]]
    open: bool = Field(alias="isOpen")


class Plant(TypedDict):
    parts: List[Union[Leaf, Bud, None]]
    seen: NotRequired[datetime]


# A value, and what is said of it.
PLANTS: List[Tuple[Any, List[str]]] = [
    ({"parts": []}, []),
    ({"parts": [{"type": "leaf"}, None, {"type": "bud", "model": "tulip", "isOpen": True}]}, []),
    ({"parts": [{"type": "leaf", "shade": "red"}], "seen": "2026-08-26T20:15:12.5Z"}, []),
    ({"parts": [{"type": "leaf", "shade": "blue"}]}, ["Leaf.shade is 'blue', none of"]),
    ({"parts": [{"type": "leaf", "veins": 1}]}, ["Leaf.veins is unknown"]),
    ({"parts": [{"type": "bud", "model": "a", "isOpen": 1}]}, ["Bud.isOpen is 1, no bool"]),
    (
        {"parts": [{"type": "bud", "open": True}]},
        ["Bud.model", "Bud.isOpen is missing", "Bud.open is"],
    ),
    ({"parts": [{"type": "root"}]}, ["Leaf.type is 'root', none of 'leaf'"]),
    ({"parts": ["leaf"]}, ["Leaf is 'leaf', no object"]),
    ({"parts": [{"model": "tulip", "isOpen": False}]}, ["Bud.type is missing"]),
    ({"parts": {}, "seen": "now"}, ["Plant.parts is {}, no array", "Plant.seen is 'now': "]),
    ({}, ["Plant.parts is missing"]),
    ([], ["Plant is [], no object"]),
]


def test_what_is_unknown_missing_or_misspelled_is_found() -> None:
    for value, expected in PLANTS:
        found = [f"{fault.place} {fault.said}" for fault in faults(value, Plant, "", "top")]
        assert len(found) == len(expected), (value, found)
        for said, begin in zip(found, expected):
            assert said.startswith(begin), value
