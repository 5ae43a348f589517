"""Speech, transcriptions and translations at Azure, as OpenAI has them (wire formats, section 6).
Pure."""

from __future__ import annotations

from .azure import DEPLOYMENT, Azure
from .openai_speech import OpenAISpeech
from .openai_transcriptions import OpenAITranscriptions, OpenAITranslations


class AzureSpeech(Azure, OpenAISpeech):
    """Speech of a deployment."""

    routes = (DEPLOYMENT + "/audio/speech", "POST /openai/v1/audio/speech")
    fields = {**OpenAISpeech.fields, "model": "a string"}


class AzureTranscriptions(Azure, OpenAITranscriptions):
    """Transcriptions of a deployment."""

    routes = (DEPLOYMENT + "/audio/transcriptions", "POST /openai/v1/audio/transcriptions")
    fields = {**OpenAITranscriptions.fields, "model": "a string"}


class AzureTranslations(Azure, OpenAITranslations):
    """Translations of a deployment."""

    routes = (DEPLOYMENT + "/audio/translations", "POST /openai/v1/audio/translations")
    fields = {**OpenAITranslations.fields, "model": "a string"}
