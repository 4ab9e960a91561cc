package config

import (
	"errors"
	"net/url"
	"slices"
	"time"
)

// Invites says who is invited to the product, when, and by whom.
type Invites struct {
	Mode      string // InvitesOff, InvitesHold or InvitesAutomatic
	SendBy    string // InvitesMail or InvitesProduct
	Product   string // the product's name in mails
	URL       string // where somebody accepts
	LinkTTL   time.Duration
	Language  string // of the text for those whose language has none
	PerMinute int
	NotBefore string // custom field with a day; empty: none
}

// Who decides that somebody is invited.
const (
	InvitesOff       = "off"
	InvitesHold      = "hold"
	InvitesAutomatic = "automatic"
)

// Who sends invites.
const (
	InvitesMail    = "mail"
	InvitesProduct = "product"
)

// inviteSettings are those of a tenant's invites.
func inviteSettings() []setting {
	u := func(t target) *Invites { return &t.tenant.Invites }
	return []setting{
		{
			key: "invites.mode", def: InvitesHold,
			doc:   "Who is invited: hold, only whom an admin releases; automatic, whoever is new in the directory; off, nobody. Whatever is set here, nobody is invited twice by themselves (docs/invites.md).",
			field: choiceField(func(t target) *string { return &u(t).Mode }, InvitesOff, InvitesHold, InvitesAutomatic),
		},
		{
			key: "invites.send_by", def: InvitesMail,
			doc:   "Who sends invites that are due: mail, this service, through mail.server; product, which learns of them from the feed (invite.due) and reports them sent and accepted by the API.",
			field: choiceField(func(t target) *string { return &u(t).SendBy }, InvitesMail, InvitesProduct),
		},
		{
			key:   "invites.product",
			doc:   "The product's name in the mails.",
			field: textField(func(t target) *string { return &u(t).Product }, nil),
		},
		{
			key:   "invites.url",
			doc:   "The product's https address that somebody opens to accept, such as https://app.example.com/welcome. A signed token is added as the parameter invite.",
			field: textField(func(t target) *string { return &u(t).URL }, checkInviteURL),
		},
		{
			key: "invites.link_ttl", def: "14d",
			doc:   "How long the link in a mail works.",
			field: durationField(func(t target) *time.Duration { return &u(t).LinkTTL }, time.Hour, 365*day),
		},
		{
			key: "invites.language", def: "en",
			doc:   "The language of the text for people in whose own language there is none in mail.templates.",
			field: textField(func(t target) *string { return &u(t).Language }, nil),
		},
		{
			key: "invites.per_minute", def: "60",
			doc:   "How many invites are mailed within a minute at most.",
			field: countField(func(t target) *int { return &u(t).PerMinute }, 1, 10000),
		},
		{
			key:   "invites.not_before",
			doc:   "The custom field (custom_fields) with the day from which somebody may be invited, such as their first day at work, as 2026-12-31; a day begins at midnight UTC. Whoever has none may be invited at any time. Without this setting nobody waits for a day.",
			field: textField(func(t target) *string { return &u(t).NotBefore }, nil),
		},
		{
			key: "limits.invites", def: "100",
			doc:   "With invites.mode automatic: a run that would create, and with that invite, more people than this is stopped until an admin approves it.",
			field: countField(func(t target) *int { return &t.tenant.Limits.Invites }, 1, 10_000_000),
		},
	}
}

func checkInviteURL(text string) error {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || parsed.Scheme != "https" {
		return errors.New("is not an https address; give one such as https://app.example.com/welcome")
	}
	if parsed.User != nil || parsed.Fragment != "" {
		return errors.New("holds a user or a fragment, which a mail program may drop; remove it")
	}
	return nil
}

// checkInvites wants what a tenant needs that invites by itself, and a field that is there.
func (l *loader) checkInvites(c *Config, t *Tenant) {
	if l.problems.has(t.key("invites"), t.key("custom_fields")) {
		return
	}
	i := t.Invites
	if name := i.NotBefore; name != "" {
		at := slices.IndexFunc(t.CustomFields, func(f CustomField) bool { return f.Name == name })
		switch {
		case at < 0:
			l.add(t.key("invites.not_before"), "%s is none of the custom_fields; declare it there, with the attribute that holds the day", quote(name))
		case t.CustomFields[at].Type != "text" && t.CustomFields[at].Type != "date":
			l.add(t.key("invites.not_before"), "%s is a custom field of the type %s; a day is text or date", quote(name), t.CustomFields[at].Type)
		}
	}
	if i.Mode != InvitesAutomatic || i.SendBy != InvitesMail || l.problems.has("mail") {
		return // on hold nothing goes out, and release says what is missing
	}
	for _, needed := range []struct {
		key string
		has bool
	}{
		{"mail.server", c.Mail.Server != ""}, {"mail.from", c.Mail.From != ""}, {"mail.link_keys", len(c.Mail.LinkKeys) > 0},
		{t.key("invites.url"), i.URL != ""}, {t.key("invites.product"), i.Product != ""},
	} {
		if !needed.has {
			l.add(needed.key, "is missing, but %s is automatic and invites are sent by mail", t.key("invites.mode"))
		}
	}
}
