package compat

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/google"
)

const (
	cloudScope = "https://www.googleapis.com/auth/cloud-platform"
	azureScope = "https://cognitiveservices.azure.com/.default"
	tenant     = "11111111-2222-4333-8444-555555555555"
)

// jwt is a token of somebody else that holds for a minute; its signature is no secret's.
func jwt(t *testing.T, claims object) string {
	t.Helper()
	claims["iss"], claims["exp"] = "https://idp.example", time.Now().Add(time.Minute).Unix()
	var parts []string
	for _, part := range []object{{"alg": "RS256"}, claims} {
		text := must[[]byte](t)(json.Marshal(part))
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	return strings.Join(append(parts, "c2lnbmVk"), ".")
}

// written is the name of a file with this text.
func written(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// googleToken fails the test unless a source has one of Google's tokens, which holds for about so long.
func googleToken(t *testing.T, source oauth2.TokenSource, life time.Duration) {
	t.Helper()
	token := must[*oauth2.Token](t)(source.Token())
	left := time.Until(token.Expiry)
	if !strings.HasPrefix(token.AccessToken, "ya29.") || left > life || left < life-time.Minute {
		t.Errorf("got a token that begins with %.5s and holds for %v", token.AccessToken, left)
	}
}

func TestGoogleTokens(t *testing.T) {
	key := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	impersonated := plain + "/v1/projects/-/serviceAccounts/mine@project.iam.gserviceaccount.com:generateAccessToken"
	for name, file := range map[string]object{
		"service account": {"type": "service_account", "client_email": "mine@project.iam.gserviceaccount.com",
			"private_key": string(private), "token_uri": plain + "/token"},
		"federation": {"type": "external_account", "token_url": plain + "/v1/token",
			"audience":           "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/o",
			"subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "service_account_impersonation_url": impersonated,
			"credential_source": object{"file": written(t, jwt(t, object{"sub": "me"}))}},
	} {
		t.Run(name, func(t *testing.T) {
			text := must[[]byte](t)(json.Marshal(file))
			found := must[*google.Credentials](t)(google.CredentialsFromJSON(context.Background(), text, cloudScope))
			googleToken(t, found.TokenSource, time.Hour)
		})
	}
	t.Run("machine", func(t *testing.T) {
		t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(plain, "http://"))
		googleToken(t, google.ComputeTokenSource(""), time.Hour)
	})
}

// overTLS starts a server with HTTPS, which azidentity wants of an authority; its address, and a client that trusts it.
func overTLS(t *testing.T) (string, *http.Client) {
	t.Helper()
	trusted := filepath.Join(t.TempDir(), "ca.pem")
	url, stop, err := start("--data", t.TempDir(), "--tls", "--tls-cert-out", trusted)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must[[]byte](t)(os.ReadFile(trusted)))
	return url, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

// azureToken fails the test unless a credential has a token that holds for about so long.
func azureToken(t *testing.T, from azcore.TokenCredential, life time.Duration) {
	t.Helper()
	found := must[azcore.AccessToken](t)(from.GetToken(context.Background(), policy.TokenRequestOptions{Scopes: []string{azureScope}}))
	left := time.Until(found.ExpiresOn)
	if !strings.HasPrefix(found.Token, "eyJ") || left > life || left < life-time.Minute {
		t.Errorf("got a token that begins with %.3s and holds for %v", found.Token, left)
	}
}

func TestAzureTokens(t *testing.T) {
	url, client := overTLS(t)
	options := policy.ClientOptions{Transport: client, Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: url}}
	t.Run("secret", func(t *testing.T) {
		azureToken(t, must[*azidentity.ClientSecretCredential](t)(azidentity.NewClientSecretCredential(tenant, "app", "secret",
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})), time.Hour)
	})
	t.Run("workload identity", func(t *testing.T) {
		azureToken(t, must[*azidentity.WorkloadIdentityCredential](t)(azidentity.NewWorkloadIdentityCredential(
			&azidentity.WorkloadIdentityCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true, ClientID: "app",
				TenantID: tenant, TokenFilePath: written(t, jwt(t, object{"aud": "api://AzureADTokenExchange"}))})), time.Hour)
	})
	t.Run("oauth2", func(t *testing.T) {
		client := clientcredentials.Config{ClientID: "app", ClientSecret: "secret", Scopes: []string{azureScope},
			TokenURL: plain + "/" + tenant + "/oauth2/v2.0/token"}
		token := must[*oauth2.Token](t)(client.Token(context.Background()))
		if left := time.Until(token.Expiry); left > time.Hour || left < 59*time.Minute {
			t.Errorf("it holds for %v", left)
		}
	})
	t.Run("app service", func(t *testing.T) {
		t.Setenv("IDENTITY_ENDPOINT", plain+"/msi/token")
		t.Setenv("IDENTITY_HEADER", "header")
		azureToken(t, must[*azidentity.ManagedIdentityCredential](t)(azidentity.NewManagedIdentityCredential(nil)), 24*time.Hour)
	})
	t.Run("machine", func(t *testing.T) {
		// Its address is fixed: only a transport can lead here.
		moved := policy.ClientOptions{Transport: movedTo(strings.TrimPrefix(plain, "http://"))}
		azureToken(t, must[*azidentity.ManagedIdentityCredential](t)(azidentity.NewManagedIdentityCredential(
			&azidentity.ManagedIdentityCredentialOptions{ClientOptions: moved})), 24*time.Hour)
	})
}

// movedTo is a transport to one host, whichever is asked for.
type movedTo string

func (m movedTo) Do(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.URL.Host = string(m)
	return http.DefaultClient.Do(request)
}

func TestAWSTokens(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for name, variables := range map[string]map[string]string{
		"web identity": {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/reader", "AWS_ROLE_SESSION_NAME": "gateway",
			"AWS_WEB_IDENTITY_TOKEN_FILE": written(t, jwt(t, object{"sub": "me"})), "AWS_ENDPOINT_URL_STS": plain},
		"mock-role/container": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": plain + "/v1/credentials",
			"AWS_CONTAINER_AUTHORIZATION_TOKEN": "pod"},
		"mock-role/i-": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": plain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_CONFIG_FILE", none)
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
			for variable, value := range variables {
				t.Setenv(variable, value)
			}
			ctx := context.Background()
			options := must[aws.Config](t)(config.LoadDefaultConfig(ctx, config.WithRegion("us-east-1")))
			client := sts.NewFromConfig(options, func(options *sts.Options) { options.BaseEndpoint = &plain })
			who := must[*sts.GetCallerIdentityOutput](t)(client.GetCallerIdentity(ctx, nil))
			want := strings.ReplaceAll(name, "web identity", "reader/gateway")
			if !strings.Contains(*who.Arn, "assumed-role/"+want) {
				t.Errorf("got %s, want %s in it", *who.Arn, want)
			}
		})
	}
}

func TestNoTokenIsInTheJournal(t *testing.T) {
	response := must[*http.Response](t)(http.Get(plain + "/__mock__/requests"))
	defer response.Body.Close()
	kept := string(must[[]byte](t)(io.ReadAll(response.Body)))
	for _, secret := range []string{"eyJ", "ya29.", "IQoJ", "AQAEA"} {
		if strings.Contains(kept, secret) {
			t.Errorf("there is %s in %s", secret, fmt.Sprintf("%.200s", kept[strings.Index(kept, secret):]))
		}
	}
}
