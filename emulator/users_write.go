package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
)

// userBody is what create and update read of a user.
type userBody struct {
	Profile     json.RawMessage `json:"profile"`
	GroupIDs    []string        `json:"groupIds"`
	Credentials *struct {
		Password json.RawMessage `json:"password"`
	} `json:"credentials"`
}

// hasPassword tells whether the body sets a password: {"value": …}, a hash or
// a hook, as Okta takes them.
func (b userBody) hasPassword() bool {
	if b.Credentials == nil {
		return false
	}
	var fields map[string]json.RawMessage
	return json.Unmarshal(b.Credentials.Password, &fields) == nil && len(fields) > 0
}

func (b userBody) members() (members, error) {
	if len(b.Profile) == 0 || isNull(b.Profile) {
		return members{}, nil
	}
	m, err := compactMembers(b.Profile)
	if err != nil {
		return nil, errBody()
	}
	return m, nil
}

// change runs f under the write lock as one change of this call.
func (o *Org) change(c *call, f func(t *tx) (*reply, error)) (*reply, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return f(o.begin(c.origin()))
}

func (o *Org) createUser(c *call) (*reply, error) {
	var body userBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	m, err := body.members()
	if err != nil {
		return nil, err
	}
	return o.change(c, func(t *tx) (*reply, error) {
		var groups []*group
		for _, id := range body.GroupIDs {
			i, ok := findGroup(o.groups, id)
			if !ok {
				return nil, errValidation("groupIds", "groupIds: Invalid list of group IDs")
			}
			groups = append(groups, o.groups[i])
		}
		p, err := t.createUser(m, c.flag("activate", true), body.hasPassword())
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			if err := t.addMember(g, p); err != nil {
				return nil, err
			}
		}
		if p.status == Active && strings.EqualFold(c.query.Get("nextLogin"), "changePassword") {
			t.setStatus(p, PasswordExpired)
		}
		return jsonReply(o.appendUser(nil, c.base, p, true)), nil
	})
}

func (o *Org) updateUser(c *call) (*reply, error)  { return o.writeUser(c, false) }
func (o *Org) replaceUser(c *call) (*reply, error) { return o.writeUser(c, true) }

// writeUser applies a partial (POST) or strict (PUT) update. A strict update
// without a profile, that is of credentials alone, leaves the profile alone.
func (o *Org) writeUser(c *call, strict bool) (*reply, error) {
	var body userBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	m, err := body.members()
	if err != nil {
		return nil, err
	}
	return o.change(c, func(t *tx) (*reply, error) {
		p, err := o.userBy(c, c.id("id"))
		if err != nil {
			return nil, err
		}
		if len(body.Profile) > 0 && !isNull(body.Profile) {
			if err := t.updateUser(p, m, strict || c.flag("strict", false)); err != nil {
				return nil, err
			}
		}
		if body.hasPassword() {
			t.setPassword(p)
		}
		return jsonReply(o.appendUser(nil, c.base, p, true)), nil
	})
}

func (o *Org) deleteUser(c *call) (*reply, error) {
	return o.change(c, func(t *tx) (*reply, error) {
		p, err := o.userBy(c, c.id("id"))
		if err != nil {
			return nil, err
		}
		if err := t.deleteUser(p); err != nil {
			return nil, err
		}
		return noContent(), nil
	})
}

// lifecycleOp is one POST under /users/{id}/lifecycle/.
type lifecycleOp struct {
	name   string
	apply  func(*tx, *person) error
	answer func(o *Org, c *call, p *person) []byte
}

func lifecycles() []lifecycleOp {
	empty := func(*Org, *call, *person) []byte { return []byte("{}") }
	user := func(o *Org, c *call, p *person) []byte { return o.appendUser(nil, c.base, p, true) }
	return []lifecycleOp{
		{"activate", (*tx).activateUser, activationAnswer},
		{"reactivate", (*tx).reactivateUser, activationAnswer},
		{"deactivate", (*tx).deactivateUser, empty},
		{"suspend", (*tx).suspendUser, empty},
		{"unsuspend", (*tx).unsuspendUser, empty},
		{"unlock", (*tx).unlockUser, empty},
		{"expire_password", (*tx).expirePassword, user},
		{"expire_password_with_temp_password", (*tx).expirePassword, temporaryPassword},
		{"reset_password", (*tx).resetPassword, resetAnswer},
		{"reset_factors", func(*tx, *person) error { return nil }, empty},
	}
}

func (o *Org) lifecycle(op lifecycleOp) func(*call) (*reply, error) {
	return func(c *call) (*reply, error) {
		return o.change(c, func(t *tx) (*reply, error) {
			p, err := o.userBy(c, c.id("id"))
			if err != nil {
				return nil, err
			}
			if err := op.apply(t, p); err != nil {
				return nil, err
			}
			return &reply{status: http.StatusOK, body: op.answer(o, c, p)}, nil
		})
	}
}

// activationAnswer holds a link when no e-mail is to be sent.
func activationAnswer(o *Org, c *call, _ *person) []byte {
	if c.flag("sendEmail", true) {
		return []byte("{}")
	}
	token := randomText(o.rand, 20)
	b := append([]byte(nil), `{"activationUrl":`...)
	b = appendText(b, c.base+"/welcome/"+token)
	b = append(b, `,"activationToken":`...)
	b = appendText(b, token)
	return append(b, '}')
}

func resetAnswer(o *Org, c *call, _ *person) []byte {
	if c.flag("sendEmail", true) {
		return []byte("{}")
	}
	b := append([]byte(nil), `{"resetPasswordUrl":`...)
	b = appendText(b, c.base+"/reset_password/"+randomText(o.rand, 20))
	return append(b, '}')
}

func temporaryPassword(o *Org, _ *call, _ *person) []byte {
	b := append([]byte(nil), `{"tempPassword":`...)
	b = appendText(b, randomText(o.rand, 8))
	return append(b, '}')
}
