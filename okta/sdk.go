package okta

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"time"

	sdk "github.com/okta/okta-sdk-golang/v2/okta"
)

// sdkClient is the one place that knows the SDK. The SDK builds, authorises and
// sends requests. Its cache, its retries, its paging and its decoding are not used:
// they answer from memory, retry without pause, follow folded Link headers in a
// circle and take an empty answer for success.
type sdkClient struct{ client *sdk.Client }

type sdkOptions struct {
	orgURL     string
	token      string // SSWS token; for other modes a placeholder that the transport replaces
	mode       string // SSWS or Bearer
	allowHTTP  bool
	timeout    time.Duration
	httpClient *http.Client
}

// newSDKClient sets every option that the SDK has. What is not set would be taken
// from ~/.okta/okta.yaml or from OKTA_CLIENT_ variables, which the SDK always reads.
func newSDKClient(ctx context.Context, o sdkOptions) (*sdkClient, error) {
	_, client, err := sdk.NewClient(ctx,
		sdk.WithOrgUrl(o.orgURL),
		sdk.WithToken(o.token),
		sdk.WithAuthorizationMode(o.mode),
		sdk.WithTestingDisableHttpsCheck(o.allowHTTP),
		sdk.WithHttpClientPtr(o.httpClient),
		sdk.WithRequestTimeout(int64(math.Ceil(o.timeout.Seconds()))),
		sdk.WithConnectionTimeout(int64(math.Ceil(o.timeout.Seconds()))),
		sdk.WithCache(false),
		sdk.WithCacheManager(nil),
		sdk.WithCacheTtl(0),
		sdk.WithCacheTti(0),
		sdk.WithRateLimitMaxRetries(0),
		sdk.WithRateLimitMaxBackOff(0),
		sdk.WithUserAgentExtra("oktasync"),
		sdk.WithProxyHost(""),
		sdk.WithProxyPort(0),
		sdk.WithProxyUsername(""),
		sdk.WithProxyPassword(""),
		sdk.WithClientId(""),
		sdk.WithClientAssertion(""),
		sdk.WithScopes(nil),
		sdk.WithPrivateKey(""),
		sdk.WithPrivateKeyId(""),
		sdk.WithPrivateKeySigner(nil),
	)
	if err != nil {
		// The SDK's sentences are for its own users and may repeat settings.
		return nil, errors.New("the okta sdk refuses its settings; check org url and credentials")
	}
	return &sdkClient{client: client}, nil
}

// do sends one request; the answer is in the exchange that ctx carries. An error
// means that no answer came.
func (c *sdkClient) do(ctx context.Context, method, path string, body any, header http.Header) (err error) {
	// The SDK can panic on answers that it does not understand.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the okta sdk panicked: %v", p)
		}
	}()
	// A clone for each call: the executor keeps state between building and sending.
	executor := c.client.CloneRequestExecutor()
	request, err := executor.NewRequest(method, path, body)
	if err != nil {
		return fmt.Errorf("build the request: %w", err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	_, err = executor.Do(ctx, request, nil)
	return err
}
