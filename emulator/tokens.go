package emulator

import (
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"time"
)

// tokenIdle is how long a token lives without a call. Okta: create an API token.
const tokenIdle = 30 * 24 * time.Hour

func (o *Org) tokenRoutes(add adder) {
	add(bucketOther, "apiTokens", http.MethodGet, "/api/v1/api-tokens", o.listTokens)
}

// listTokens tells of the valid API tokens, never their values. All are the administrator's, and as fresh as this call: each
// call renews the one that it is made with. Okta: API Tokens.
func (o *Org) listTokens(c *call) (*reply, error) {
	o.auth.mu.Lock()
	valid := maps.Clone(o.auth.ssws)
	o.auth.mu.Unlock()
	now := o.now()
	o.mu.RLock()
	defer o.mu.RUnlock()
	w := newListWriter(len(valid) * 512)
	for _, token := range slices.Sorted(maps.Keys(valid)) {
		if !valid[token] {
			continue
		}
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(token)) // which never fails
		id := makeID(prefixToken, o.opt.Seed, hash.Sum64()>>32)
		w.item(func(b []byte) []byte {
			b = append(b, `{"id":"`+id+`","name":"token `+id[len(id)-4:]+`","userId":"`+o.admin.id+`","tokenWindow":"P30D","network":{"connection":"ANYWHERE"},"created":`...)
			b = appendTime(b, o.admin.created)
			b = append(b, `,"lastUpdated":`...)
			b = appendTime(b, toMillis(now))
			b = append(b, `,"expiresAt":`...)
			b = appendTime(b, toMillis(now.Add(tokenIdle)))
			return append(b, `,"clientName":"Okta API","_link":{"self":{"href":"`+c.base+`/api/v1/api-tokens/`+id+`","hints":{"allow":["GET","DELETE"]}}}}`...)
		})
	}
	return w.reply(), nil
}
