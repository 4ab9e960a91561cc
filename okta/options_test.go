package okta

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestNewNamesEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := New(Options{OrgURL: "http://acme.okta.com", AppID: "a/b", MemberLimit: 2000,
		Credentials: Credentials{Token: "00x\n", ServiceApp: &ServiceApp{}}})
	for _, says := range []string{"in the clear", "tenant's slug", "database's clock", "app id", "a token and a service app",
		"line break", "client id", "private key", "1 to 1000"} {
		checkFailure(t, err, says)
	}
	_, err = New(Options{})
	checkFailure(t, err, "credentials are missing")
}

// The SDK reads OKTA_CLIENT_ variables and ~/.okta/okta.yaml, which know the same
// settings, whatever a program says. None may reach our client.
func TestEnvironmentChangesNothing(t *testing.T) {
	build := func() string {
		client, err := newSDKClient(context.Background(), sdkOptions{orgURL: "https://acme.okta.com", token: "00t", mode: "SSWS",
			timeout: 30 * time.Second, httpClient: &http.Client{Timeout: time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		c := client.client.GetConfig()
		return fmt.Sprintf("%+v %+v %q %v %v %T", c.Okta.Client, c.Okta.Testing, c.UserAgentExtra, c.HttpClient.Timeout, c.PrivateKeySigner, c.CacheManager)
	}
	want := build()
	hostile := map[string]string{
		"OKTA_CLIENT_CACHE_ENABLED": "true", "OKTA_CLIENT_CACHE_DEFAULT_TTL": "300", "OKTA_CLIENT_CACHE_DEFAULT_TTI": "300",
		"OKTA_CLIENT_PROXY_PORT": "3128", "OKTA_CLIENT_PROXY_HOST": "evil.example", "OKTA_CLIENT_PROXY_USERNAME": "u", "OKTA_CLIENT_PROXY_PASSWORD": "p",
		"OKTA_CLIENT_CONNECTION_TIMEOUT": "1", "OKTA_CLIENT_REQUEST_TIMEOUT": "1",
		"OKTA_CLIENT_RATE_LIMIT_MAX_RETRIES": "9", "OKTA_CLIENT_RATE_LIMIT_MAX_BACKOFF": "900",
		"OKTA_CLIENT_ORGURL": "https://evil.example", "OKTA_CLIENT_TOKEN": "00evil", "OKTA_CLIENT_AUTHORIZATIONMODE": "Bearer",
		"OKTA_CLIENT_CLIENTID": "evil", "OKTA_CLIENT_SCOPES": "okta.users.manage", "OKTA_CLIENT_PRIVATEKEY": "evil",
		"OKTA_CLIENT_PRIVATEKEYID": "evil", "OKTA_CLIENT_CLIENTASSERTION": "evil", "OKTA_TESTING_DISABLE_HTTPS_CHECK": "true",
		"OKTA_USERAGENTEXTRA": "evil", "OKTA_HTTPCLIENT_TIMEOUT": "1ns",
	}
	for name, value := range hostile {
		t.Setenv(name, value)
	}
	if got := build(); got != want {
		t.Errorf("the environment reaches the SDK:\nwant %s\ngot  %s", want, got)
	}
	if !strings.Contains(want, "Enabled:false") || !strings.Contains(want, "MaxRetries:0") {
		t.Errorf("cache or retries are on: %s", want)
	}

	o := newOrg(t)
	o.json("/api/v1/groups/00g1", 200, groupJSON("00g1", "Sales"))
	r := o.reader(t)
	for range 2 {
		if _, err := r.Group(t.Context(), "00g1", false); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(o.paths()); n != 2 {
		t.Errorf("%d requests for 2 reads", n)
	}
}
