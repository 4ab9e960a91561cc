package emulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

func (o *Org) metaRoutes(add adder) {
	add(bucketOther, "schemas", http.MethodGet, "/api/v1/meta/schemas/user/{schemaId}", o.getUserSchema)
	add(bucketOther, "schemas", http.MethodPost, "/api/v1/meta/schemas/user/{schemaId}", o.updateUserSchema)
	add(bucketOther, "schemas", http.MethodGet, "/api/v1/meta/schemas/group/default", o.getGroupSchema)
	add(bucketOther, "userTypes", http.MethodGet, "/api/v1/meta/types/user", o.listUserTypes)
	add(bucketOther, "userTypes", http.MethodGet, "/api/v1/meta/types/user/{typeId}", o.getUserType)
	add(bucketOther, "orgs", http.MethodGet, "/api/v1/org", o.getOrg)
}

// getUserSchema answers default, the schema's id and the type's id alike: the
// org has one user type.
func (o *Org) getUserSchema(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if err := o.knowsSchema(c.id("schemaId")); err != nil {
		return nil, err
	}
	return jsonReply(o.appendUserSchema(nil, c.base)), nil
}

func (o *Org) knowsSchema(id string) error {
	if id == "default" || id == o.schemaID || id == o.typeID {
		return nil
	}
	return errNotFound(id, "UserSchema")
}

// updateUserSchema declares custom attributes; null removes one.
func (o *Org) updateUserSchema(c *call) (*reply, error) {
	var body struct {
		Definitions struct {
			Custom struct {
				Properties map[string]*struct {
					Title string `json:"title"`
					Type  string `json:"type"`
				} `json:"properties"`
			} `json:"custom"`
		} `json:"definitions"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return o.change(c, func(*tx) (*reply, error) {
		if err := o.knowsSchema(c.id("schemaId")); err != nil {
			return nil, err
		}
		properties := body.Definitions.Custom.Properties
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			p := properties[name]
			if p == nil {
				delete(o.schema.custom, name)
				continue
			}
			if err := o.schema.declare(Attribute{Name: name, Title: p.Title, Type: p.Type}); err != nil {
				return nil, err
			}
		}
		return jsonReply(o.appendUserSchema(nil, c.base)), nil
	})
}

const (
	schemaDraft  = `"$schema":"http://json-schema.org/draft-04/schema#"`
	readWrite    = `"mutability":"READ_WRITE","scope":"NONE"`
	permissions  = `"permissions":[{"principal":"SELF","action":"READ_WRITE"}],"master":{"type":"PROFILE_MASTER"}}`
	schemaEnding = `"type":"object","properties":{"profile":{"allOf":[{"$ref":"#/definitions/custom"},{"$ref":"#/definitions/base"}]}}}`
)

func (o *Org) appendUserSchema(b []byte, base string) []byte {
	href := base + "/api/v1/meta/schemas/user/" + o.schemaID
	b = append(b, `{"id":"`+base+`/meta/schemas/user/`+o.schemaID+`",`+schemaDraft+
		`,"name":"user","title":"User","description":"Okta user profile template with default permission settings","lastUpdated":`...)
	b = appendTime(b, o.founded)
	b = append(b, `,"created":`...)
	b = appendTime(b, o.founded)
	b = append(b, `,"definitions":{"custom":{"id":"#custom","type":"object","properties":{`...)
	for i, name := range slices.Sorted(maps.Keys(o.schema.custom)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCustomAttribute(b, o.schema.custom[name])
	}
	b = append(b, `},"required":[]},"base":{"id":"#base","type":"object","properties":{`...)
	var required []string
	for i, a := range o.schema.base {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendBaseAttribute(b, a)
		if a.required {
			required = append(required, a.name)
		}
	}
	names, err := json.Marshal(required)
	if err != nil {
		names = []byte("[]") // texts always marshal
	}
	b = append(b, `},"required":`...)
	b = append(b, names...)
	b = append(b, `}},"_links":{"self":{"rel":"self","href":"`+href+`","method":"GET"},"type":{"rel":"type","href":"`+
		base+`/api/v1/meta/types/user/`+o.typeID+`","method":"GET"}},`...)
	return append(b, schemaEnding...)
}

func appendBaseAttribute(b []byte, a baseAttribute) []byte {
	b = appendText(b, a.name)
	b = append(b, `:{"title":`...)
	b = appendText(b, a.title)
	b = append(b, `,"type":"string",`...)
	if a.required {
		b = append(b, `"required":true,`...)
	}
	if a.min > 0 {
		b = append(b, `"minLength":`...)
		b = strconv.AppendInt(b, int64(a.min), 10)
		b = append(b, ',')
	}
	if a.max > 0 {
		b = append(b, `"maxLength":`...)
		b = strconv.AppendInt(b, int64(a.max), 10)
		b = append(b, ',')
	}
	return append(b, readWrite+`,`+permissions...)
}

func appendCustomAttribute(b []byte, a Attribute) []byte {
	title := a.Title
	if title == "" {
		title = a.Name
	}
	b = appendText(b, a.Name)
	b = append(b, `:{"title":`...)
	b = appendText(b, title)
	b = append(b, `,"type":`...)
	b = appendText(b, a.Type)
	if a.Type == "array" {
		b = append(b, `,"items":{"type":"string"}`...)
	}
	return append(b, `,`+readWrite+`,`+permissions...)
}

func (o *Org) getGroupSchema(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	b := append([]byte(nil), `{"id":"`+c.base+`/meta/schemas/group/default",`+schemaDraft+
		`,"name":"group","title":"Okta group","description":"Okta group profile template","lastUpdated":`...)
	b = appendTime(b, o.founded)
	b = append(b, `,"created":`...)
	b = appendTime(b, o.founded)
	b = append(b, `,"definitions":{"custom":{"id":"#custom","type":"object","properties":{},"required":[]},`+
		`"base":{"id":"#base","type":"object","properties":{"name":{"title":"Name","description":"Name","type":"string",`+
		`"required":true,"maxLength":255,`+readWrite+`,`+permissions+`,"description":{"title":"Description","description":"Description",`+
		`"type":"string","maxLength":1024,`+readWrite+`,`+permissions+`},"required":["name"]}},"_links":{"self":{"rel":"self","href":"`+
		c.base+`/api/v1/meta/schemas/group/default","method":"GET"}},`+schemaEnding...)
	return jsonReply(b), nil
}

func (o *Org) listUserTypes(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	w := newListWriter(512)
	w.item(func(b []byte) []byte { return o.appendUserType(b, c.base) })
	return w.reply(), nil
}

func (o *Org) getUserType(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if id := c.id("typeId"); id != "default" && id != o.typeID {
		return nil, errNotFound(id, "UserType")
	}
	return jsonReply(o.appendUserType(nil, c.base)), nil
}

func (o *Org) appendUserType(b []byte, base string) []byte {
	b = append(b, `{"id":"`+o.typeID+`","displayName":"User","name":"user","description":"Okta user profile template with default permission settings",`+
		`"createdBy":"`+o.admin.id+`","lastUpdatedBy":"`+o.admin.id+`","created":`...)
	b = appendTime(b, o.founded)
	b = append(b, `,"lastUpdated":`...)
	b = appendTime(b, o.founded)
	return append(b, `,"default":true,"_links":{"schema":{"rel":"schema","href":"`+base+`/api/v1/meta/schemas/user/`+o.schemaID+
		`","method":"GET"},"self":{"rel":"self","href":"`+base+`/api/v1/meta/types/user/`+o.typeID+`","method":"GET"}}}`...)
}

func (o *Org) getOrg(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	b := append([]byte(nil), `{"id":"`+o.orgID+`","subdomain":"acme","companyName":"Acme","status":"ACTIVE","expiresAt":null,"created":`...)
	b = appendTime(b, o.founded)
	b = append(b, `,"lastUpdated":`...)
	b = appendTime(b, o.founded)
	b = append(b, `,"website":"https://`+o.opt.EmailDomain+`","phoneNumber":"","endUserSupportHelpURL":"","supportPhoneNumber":"",`+
		`"address1":null,"address2":null,"city":null,"state":null,"country":null,"postalCode":null,"_links":{"preferences":{"href":"`+
		c.base+`/api/v1/org/preferences"},"uploadLogo":{"href":"`+c.base+`/api/v1/org/logo","hints":{"allow":["POST"]}},`+
		`"oktaCommunication":{"href":"`+c.base+`/api/v1/org/privacy/oktaCommunication"},"logo":null,"oktaSupport":{"href":"`+
		c.base+`/api/v1/org/privacy/oktaSupport"},"contacts":{"href":"`+c.base+`/api/v1/org/contacts"}}}`...)
	return jsonReply(b), nil
}
