package compat

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
)

const accessKey, secretKey = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

// checking is the address of a server that checks AWS's credentials.
func checking(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	mocks := []object{{"match": object{"operation": "generate"}, "response": object{"text": "Hello."}}}
	if err := write(filepath.Join(data, "mocks"), mocks); err != nil {
		t.Fatal(err)
	}
	url, stop, err := start("--data", data, "--credential", "bedrock="+accessKey+":"+secretKey)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return url
}

// converseAs asks Claude on Bedrock with somebody's keys.
func converseAs(url string, keys aws.CredentialsProvider, model string) error {
	client := bedrockruntime.New(bedrockruntime.Options{BaseEndpoint: &url, Region: "eu-west-1", Credentials: keys, RetryMaxAttempts: 1})
	_, err := client.Converse(context.Background(), &bedrockruntime.ConverseInput{
		ModelId: &model, Messages: []types.Message{said("Hi")}})
	return err
}

func TestWhatTheSdkSignsIsWhatTheServerWorksOut(t *testing.T) {
	url := checking(t)
	for _, model := range []string{claudeModel, "arn:aws:bedrock:us-east-1:123456789012:inference-profile/" + claudeModel} {
		for _, prefix := range []string{"", "/@me"} {
			right := credentials.NewStaticCredentialsProvider(accessKey, secretKey, "")
			equal(t, converseAs(url+prefix, right, model), nil)
			wrong := credentials.NewStaticCredentialsProvider(accessKey, "other", "")
			err := converseAs(url+prefix, wrong, model)
			if err == nil || !strings.Contains(err.Error(), "The String-to-Sign should have been") {
				t.Errorf("got %v for a wrong secret", err)
			}
		}
	}
}

func TestKeysThatStsIssuesAreRightAtBedrock(t *testing.T) {
	url := checking(t)
	none := filepath.Join(t.TempDir(), "none")
	for variable, value := range map[string]string{
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_ENDPOINT_URL_STS": url,
		"AWS_ROLE_ARN":                "arn:aws:iam::123456789012:role/reader",
		"AWS_WEB_IDENTITY_TOKEN_FILE": written(t, jwt(t, object{"sub": "me"})),
	} {
		t.Setenv(variable, value)
	}
	options := must[aws.Config](t)(config.LoadDefaultConfig(context.Background(), config.WithRegion("us-east-1")))
	equal(t, converseAs(url, options.Credentials, claudeModel), nil)
}
