package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// The control interface: what the methods of Org do, as JSON over HTTP, for
// users who are not in Go. It asks for no credentials, counts in no limit and
// is spared by faults. Changes answer {"id": …, "events": [{"uuid", "eventType",
// "published"}]}.

const controlPrefix = "/emulator/v1"

func (o *Org) controlRoutes() []*route {
	var all []*route
	add := func(method, path string, h func(*call) (any, error)) {
		all = append(all, &route{method: method, pattern: controlPrefix + path, handle: func(c *call) (*reply, error) {
			v, err := h(c)
			if err != nil {
				return nil, err
			}
			if v == nil {
				return noContent(), nil
			}
			b, err := json.Marshal(v)
			if err != nil {
				return nil, fmt.Errorf("write the answer of the control interface: %w", err)
			}
			return jsonReply(b), nil
		}})
	}
	add("GET", "", o.controlInfo)
	add("POST", "/reset", func(*call) (any, error) { return nil, o.Reset() })
	add("GET", "/snapshot", func(*call) (any, error) { return o.Truth(), nil })
	o.controlPeople(add)
	o.controlGroups(add)
	o.controlApps(add)
	o.controlRest(add)
	return all
}

type controlAdder func(method, path string, h func(*call) (any, error))

func (o *Org) serveControl(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, query: r.URL.Query(), base: o.baseOf(r), who: &principal{}, requestID: anyText(27)}
	var err error
	if c.route, c.vars, err = o.control.find(r.Method, r.URL.EscapedPath()); err != nil {
		o.send(w, c, o.errorReply(err), nil)
		return
	}
	if c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		o.send(w, c, o.errorReply(errBody()), nil)
		return
	}
	rep, err := c.route.handle(c)
	if err != nil {
		rep = o.errorReply(err)
	}
	o.send(w, c, rep, nil)
}

// into reads the body into v; an empty body leaves v as it is.
func (c *call) into(v any) error {
	if len(c.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		e := errBody()
		e.Causes = []string{err.Error()}
		return e
	}
	return nil
}

// controlStatus is the answer of GET /emulator/v1.
type controlStatus struct {
	People int       `json:"people"`
	Groups int       `json:"groups"`
	AppID  string    `json:"appId"`
	Events int       `json:"events"`
	Hooks  HookStats `json:"hooks"`
}

func (o *Org) controlInfo(*call) (any, error) {
	s := controlStatus{AppID: o.AppID(), Hooks: o.HookStats()}
	o.mu.RLock()
	defer o.mu.RUnlock()
	s.People, s.Groups, s.Events = len(o.people), len(o.groups), len(o.log.events)
	return s, nil
}

func (o *Org) controlPeople(add controlAdder) {
	add("POST", "/people", func(c *call) (any, error) {
		var n NewPerson
		if err := c.into(&n); err != nil {
			return nil, err
		}
		return o.Join(n)
	})
	add("GET", "/people/{who}", func(c *call) (any, error) {
		p, ok := o.Person(c.id("who"))
		if !ok {
			return nil, errNotFound(c.id("who"), "User")
		}
		return p, nil
	})
	add("PATCH", "/people/{who}", func(c *call) (any, error) {
		var profile map[string]any
		if err := c.into(&profile); err != nil {
			return nil, err
		}
		return o.Update(c.id("who"), profile)
	})
	add("DELETE", "/people/{who}", func(c *call) (any, error) { return o.Delete(c.id("who")) })
	add("POST", "/people/{who}/move", func(c *call) (any, error) {
		var to struct {
			Department string `json:"department"`
			Manager    string `json:"manager"`
		}
		if err := c.into(&to); err != nil {
			return nil, err
		}
		return o.Move(c.id("who"), to.Department, to.Manager)
	})
	for name, do := range map[string]func(string) (Act, error){
		"suspend": o.Suspend, "unsuspend": o.Unsuspend, "deactivate": o.Deactivate, "activate": o.Activate,
		"lock": o.Lock, "unlock": o.Unlock, "sign_in": o.SignIn, "expire_password": o.ExpirePassword,
		"reset_password": o.ResetPassword, "leave": o.Deactivate,
	} {
		add("POST", "/people/{who}/"+name, func(c *call) (any, error) { return do(c.id("who")) })
	}
}

func (o *Org) controlGroups(add controlAdder) {
	type body struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	add("GET", "/groups", func(*call) (any, error) { return o.Groups(), nil })
	add("POST", "/groups", func(c *call) (any, error) {
		var b body
		if err := c.into(&b); err != nil {
			return nil, err
		}
		return o.CreateGroup(b.Name, b.Description)
	})
	add("GET", "/groups/{group}", func(c *call) (any, error) {
		g, ok := o.Group(c.id("group"))
		if !ok {
			return nil, errNotFound(c.id("group"), "UserGroup")
		}
		return g, nil
	})
	add("PATCH", "/groups/{group}", func(c *call) (any, error) {
		var b body
		if err := c.into(&b); err != nil {
			return nil, err
		}
		return o.RenameGroup(c.id("group"), b.Name)
	})
	add("DELETE", "/groups/{group}", func(c *call) (any, error) { return o.DeleteGroup(c.id("group")) })
	add("PUT", "/groups/{group}/members/{who}", func(c *call) (any, error) {
		return o.AddToGroup(c.id("group"), c.id("who"))
	})
	add("DELETE", "/groups/{group}/members/{who}", func(c *call) (any, error) {
		return o.RemoveFromGroup(c.id("group"), c.id("who"))
	})
}

func (o *Org) controlApps(add controlAdder) {
	add("POST", "/apps", func(c *call) (any, error) {
		var b struct {
			Label string `json:"label"`
		}
		if err := c.into(&b); err != nil {
			return nil, err
		}
		return o.CreateApp(b.Label)
	})
	add("DELETE", "/apps/{app}", func(c *call) (any, error) { return o.DeleteApp(c.id("app")) })
	add("POST", "/apps/{app}/activate", func(c *call) (any, error) { return o.SetAppActive(c.id("app"), true) })
	add("POST", "/apps/{app}/deactivate", func(c *call) (any, error) { return o.SetAppActive(c.id("app"), false) })
	add("PUT", "/apps/{app}/users/{who}", func(c *call) (any, error) { return o.Assign(c.id("app"), c.id("who")) })
	add("DELETE", "/apps/{app}/users/{who}", func(c *call) (any, error) { return o.Unassign(c.id("app"), c.id("who")) })
	add("PUT", "/apps/{app}/groups/{group}", func(c *call) (any, error) {
		return o.AssignGroup(c.id("app"), c.id("group"))
	})
	add("DELETE", "/apps/{app}/groups/{group}", func(c *call) (any, error) {
		return o.UnassignGroup(c.id("app"), c.id("group"))
	})
}

func (o *Org) controlRest(add controlAdder) {
	add("POST", "/hooks", func(c *call) (any, error) {
		var n NewHook
		if err := c.into(&n); err != nil {
			return nil, err
		}
		return o.RegisterHook(n)
	})
	add("POST", "/hooks/wait", func(c *call) (any, error) {
		if err := o.WaitHooks(c.r.Context()); err != nil {
			return nil, err
		}
		return o.HookStats(), nil
	})
	add("GET", "/counters", func(*call) (any, error) {
		return map[string]any{"calls": o.Calls(), "hooks": o.HookStats()}, nil
	})
	add("DELETE", "/counters", func(*call) (any, error) { o.ResetCalls(); return nil, nil })
	add("GET", "/faults", func(*call) (any, error) { return o.Faults(), nil })
	add("POST", "/faults", func(c *call) (any, error) {
		var f Fault
		if err := c.into(&f); err != nil {
			return nil, err
		}
		id, err := o.AddFault(f)
		return map[string]string{"id": id}, err
	})
	add("PUT", "/faults", func(c *call) (any, error) {
		var list []Fault
		if err := c.into(&list); err != nil {
			return nil, err
		}
		if err := o.SetFaults(list); err != nil {
			return nil, err
		}
		return o.Faults(), nil
	})
	add("DELETE", "/faults", func(*call) (any, error) { o.ClearFaults(); return nil, nil })
	add("DELETE", "/faults/{id}", func(c *call) (any, error) {
		if !o.RemoveFault(c.id("id")) {
			return nil, errNotFound(c.id("id"), "Fault")
		}
		return nil, nil
	})
	add("POST", "/tokens", func(c *call) (any, error) {
		var b struct {
			Token string `json:"token"`
		}
		if err := c.into(&b); err != nil {
			return nil, err
		}
		if b.Token == "" {
			return nil, errValidation("token", "token: The field cannot be left blank")
		}
		o.AddToken(b.Token)
		return nil, nil
	})
	add("DELETE", "/tokens/{token}", func(c *call) (any, error) {
		if !o.RevokeToken(c.id("token")) {
			return nil, errNotFound("(hidden)", "Token")
		}
		return nil, nil
	})
}
