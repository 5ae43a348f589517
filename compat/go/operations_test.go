package compat

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"
	"google.golang.org/genai"
)

// What is drawn, heard, spoken and stored.

const png = "\x89PNG\r\n\x1a\n"

// operationMocks says what the servers answer to all that is not text.
func operationMocks() []object {
	return []object{
		{"match": object{"operation": "image", "user": "draw"}, "response": object{"text": "A drawing."}},
		{"match": object{"user": object{"contains": "store"}}, "response": object{"text": text}},
		{"match": object{"api": "speech"}, "response": object{"text": "spoken"}},
		{"match": object{"operation": "audio"}, "response": object{"text": "Hello there. How are you?",
			"usage": object{"input_tokens": 9, "output_tokens": 7}}},
	}
}

// drawn is a picture in base64, which is to be a PNG.
func drawn(t *testing.T, encoded string) {
	t.Helper()
	found := must[[]byte](t)(base64.StdEncoding.DecodeString(encoded))
	equal(t, strings.HasPrefix(string(found), png), true)
}

func TestOpenaiDrawsWholeAndStreamed(t *testing.T) {
	eachConnection(t, func(t *testing.T, client openai.Client) {
		params := openai.ImageGenerateParams{Model: "gpt-image-1.5", Prompt: "draw"}
		drawn(t, must[*openai.ImagesResponse](t)(client.Images.Generate(t.Context(), params)).Data[0].B64JSON)
		params.PartialImages = openai.Int(1)
		kinds, stream := []string{}, client.Images.GenerateStreaming(t.Context(), params)
		for stream.Next() {
			kinds = append(kinds, stream.Current().Type)
			drawn(t, stream.Current().B64JSON)
		}
		equal(t, stream.Err(), nil)
		equal(t, kinds, []string{"image_generation.partial_image", "image_generation.completed"})
	})
}

func TestOpenaiEditsAPicture(t *testing.T) {
	eachConnection(t, func(t *testing.T, client openai.Client) {
		photo := openai.File(strings.NewReader(png), "a.png", "image/png")
		edited := must[*openai.ImagesResponse](t)(client.Images.Edit(t.Context(), openai.ImageEditParams{
			Model: "gpt-image-1.5", Prompt: "draw", Image: openai.ImageEditParamsImageUnion{OfFile: photo}}))
		drawn(t, edited.Data[0].B64JSON)
	})
}

func TestImagenDrawsOnVertex(t *testing.T) {
	client := connect(genai.ClientConfig{Backend: genai.BackendVertexAI, Project: "my-project", Location: "us-central1"},
		spot{url: plain})
	answer := must[*genai.GenerateImagesResponse](t)(client.Models.GenerateImages(t.Context(), "imagen-4.0-generate-001", "draw", nil))
	equal(t, strings.HasPrefix(string(answer.GeneratedImages[0].Image.ImageBytes), png), true)
}

func TestOpenaiSpeaks(t *testing.T) {
	eachConnection(t, func(t *testing.T, client openai.Client) {
		answer := must[*http.Response](t)(client.Audio.Speech.New(t.Context(), openai.AudioSpeechNewParams{
			Model: "gpt-4o-mini-tts", Input: "Hi", ResponseFormat: "wav",
			Voice: openai.AudioSpeechNewParamsVoiceUnion{OfString: openai.String("alloy")}}))
		defer answer.Body.Close()
		found := must[[]byte](t)(io.ReadAll(answer.Body))
		equal(t, []any{answer.Header.Get("Content-Type"), string(found[:4])}, []any{"audio/wav", "RIFF"})
	})
}

func TestOpenaiHearsWholeAndStreamed(t *testing.T) {
	eachConnection(t, func(t *testing.T, client openai.Client) {
		params := func(model string) openai.AudioTranscriptionNewParams {
			return openai.AudioTranscriptionNewParams{Model: model, File: openai.File(strings.NewReader("RIFF"), "a.wav", "audio/wav")}
		}
		whole := must[*openai.AudioTranscriptionNewResponseUnion](t)(client.Audio.Transcriptions.New(t.Context(), params("gpt-4o-transcribe")))
		equal(t, []any{whole.Text, whole.Usage.TotalTokens}, []any{"Hello there. How are you?", int64(16)})
		verbose := params("whisper-1")
		verbose.ResponseFormat = openai.AudioResponseFormatVerboseJSON
		told := must[*openai.AudioTranscriptionNewResponseUnion](t)(client.Audio.Transcriptions.New(t.Context(), verbose))
		equal(t, []any{told.Language, len(told.Segments)}, []any{"english", 2})
		said, stream := "", client.Audio.Transcriptions.NewStreaming(t.Context(), params("gpt-4o-transcribe"))
		for stream.Next() {
			said += stream.Current().Delta
		}
		equal(t, stream.Err(), nil)
		equal(t, said, whole.Text)
		translation := must[*openai.Translation](t)(client.Audio.Translations.New(t.Context(), openai.AudioTranslationNewParams{
			Model: "whisper-1", File: openai.File(strings.NewReader("RIFF"), "a.wav", "audio/wav")}))
		equal(t, translation.Text, whole.Text)
	})
}

// stored is a request for a response of this test's own: equal ones get the same id.
func stored(t *testing.T, background bool) responses.ResponseNewParams {
	params := responses.ResponseNewParams{Model: "gpt-4o-mini",
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("store " + t.Name())}}
	if background {
		params.Background = openai.Bool(true)
	}
	return params
}

func TestAResponseIsRetrievedStreamedAgainListedAndDeleted(t *testing.T) {
	eachConnection(t, func(t *testing.T, client openai.Client) {
		made := must[*responses.Response](t)(client.Responses.New(t.Context(), stored(t, false)))
		again := must[*responses.Response](t)(client.Responses.Get(t.Context(), made.ID, responses.ResponseGetParams{}))
		equal(t, []any{again.ID, again.OutputText()}, []any{made.ID, text})
		// This SDK says that it wants a stream in the body of a GET, where nobody looks.
		stream := client.Responses.GetStreaming(t.Context(), made.ID,
			responses.ResponseGetParams{StartingAfter: param.NewOpt[int64](2)}, option.WithQuery("stream", "true"))
		numbers := []int64{}
		for stream.Next() {
			numbers = append(numbers, stream.Current().SequenceNumber)
		}
		equal(t, stream.Err(), nil)
		equal(t, len(numbers) > 0 && numbers[0] == 3, true)
		items := client.Responses.InputItems.ListAutoPaging(t.Context(), made.ID, responses.InputItemListParams{})
		equal(t, items.Next(), true)
		equal(t, items.Current().AsMessage().Content[0].Text, "store "+t.Name())
		equal(t, client.Responses.Delete(t.Context(), made.ID), nil)
		_, err := client.Responses.Get(t.Context(), made.ID, responses.ResponseGetParams{})
		var own *openai.Error
		equal(t, errors.As(err, &own) && own.StatusCode == 404, true)
	})
}

func TestAResponseInTheBackgroundIsPolledOrCancelled(t *testing.T) {
	client := dial(spot{url: plain}, under("/v1"))
	made := must[*responses.Response](t)(client.Responses.New(t.Context(), stored(t, true)))
	seen := []responses.ResponseStatus{made.Status}
	for range 2 {
		polled := must[*responses.Response](t)(client.Responses.Get(t.Context(), made.ID, responses.ResponseGetParams{}))
		seen = append(seen, polled.Status)
	}
	equal(t, seen, []responses.ResponseStatus{"queued", "in_progress", "completed"})
	other := must[*responses.Response](t)(client.Responses.New(t.Context(), stored(t, true)))
	cancelled := must[*responses.Response](t)(client.Responses.Cancel(t.Context(), other.ID))
	equal(t, cancelled.Status, "cancelled")
	compacted := must[*responses.CompactedResponse](t)(client.Responses.Compact(t.Context(), responses.ResponseCompactParams{
		Model: "gpt-4o-mini", Input: responses.ResponseCompactParamsInputUnion{OfString: openai.String("text")}}))
	equal(t, compacted.Output[len(compacted.Output)-1].Type, "compaction")
}
