package webhook

import (
	"fmt"
	"strings"
)

const (
	ourApp   = "0oa1ourapp0000000001"
	otherApp = "0oa1otherapp00000001"
)

// person and group make ids of Okta's form.
func person(n int) string { return fmt.Sprintf("00u1person%010d", n) }
func group(n int) string  { return fmt.Sprintf("00g1group0%010d", n) }

func target(kind, id, alternate string) string {
	return fmt.Sprintf(`{"id":%q,"type":%q,"alternateId":%q,"displayName":"Someone","detailEntry":null}`, id, kind, alternate)
}

// event writes a log event in the shape that Okta delivers, with all the members
// that the endpoint does not need.
func event(uuid, kind string, targets ...string) string {
	return fmt.Sprintf(`{
  "uuid": %q, "published": "2026-08-20T09:15:02.104Z", "eventType": %q, "version": "0", "severity": "INFO",
  "displayMessage": "A \"message\" with \\ and ü", "legacyEventType": "core.something",
  "actor": {"id": "00u1admin00000000001", "type": "User", "alternateId": "it@acme.example", "displayName": "IT Admin", "detailEntry": null},
  "target": [%s],
  "outcome": {"result": "SUCCESS", "reason": null},
  "client": {"userAgent": {"rawUserAgent": "Mozilla/5.0 (X11; Linux x86_64)", "os": "Linux", "browser": "FIREFOX"}, "zone": "null", "device": "Computer", "id": null,
    "ipAddress": "203.0.113.7", "geographicalContext": {"city": "Concord", "state": "New Hampshire", "country": "United States", "postalCode": "03303", "geolocation": {"lat": 43.3091, "lon": -71.6861}},
    "ipChain": [{"ip": "203.0.113.7", "geographicalContext": null, "version": "V4", "source": null}]},
  "device": null, "transaction": {"type": "WEB", "id": "aAbBcC-1", "detail": {}},
  "debugContext": {"debugData": {"requestUri": "/api/v1/groups/00g1/users", "changedAttributes": "login,title"}},
  "authenticationContext": {"authenticationStep": 0, "externalSessionId": "trsSample"},
  "securityContext": {"asNumber": null, "asOrg": null, "isp": null, "domain": null, "isProxy": null}, "insertionTimestamp": null}`,
		uuid, kind, strings.Join(targets, ","))
}

// deliveryBody puts events into Okta's envelope.
func deliveryBody(id string, events ...string) []byte {
	return fmt.Appendf(nil, `{"eventType":"com.okta.event_hook","eventTypeVersion":"1.0","cloudEventsVersion":"0.1",
"source":"https://acme.okta.example/api/v1/eventHooks/who1","eventId":%q,"eventTime":"2026-08-20T09:15:04.512Z",
"contentType":"application/json","data":{"events":[%s]}}`, id, strings.Join(events, ","))
}

// groupAdds makes n events of n people joining one group.
func groupAdds(n int) []string {
	events := make([]string, n)
	for i := range events {
		events[i] = event(fmt.Sprintf("uuid-%d", i), "group.user_membership.add",
			target("User", person(i), fmt.Sprintf("p%d@acme.example", i)), target("UserGroup", group(1), "unknown"))
	}
	return events
}
