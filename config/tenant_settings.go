package config

import (
	"strings"
	"time"
)

// never is the schedule of a sync that does not run by itself.
const never = "never"

// tenantSettings lists the settings of a tenant, in the order of the documentation.
func tenantSettings() []setting {
	u := func(t target) *Tenant { return t.tenant }
	all := []setting{
		{
			key:   "okta.url",
			doc:   "The org's address: https://acme.okta.com or its custom domain, not the admin console's, without a path.",
			field: textField(func(t target) *string { return &u(t).Okta.URL }, checkOktaURL),
		},
		{
			key: "okta.token", fromFile: true,
			doc:   "The API token (SSWS). Give either this or client_id and private_key.",
			field: secretField(func(t target) *Secret { return &u(t).Okta.Token }, checkOktaToken),
		},
		{
			key:   "okta.client_id",
			doc:   "The client id of the service app, when no API token is used.",
			field: textField(func(t target) *string { return &u(t).Okta.ClientID }, checkClientID),
		},
		{
			key: "okta.private_key", fromFile: true,
			doc:   "The private key of the service app in PEM form (PKCS#1, PKCS#8 or EC), without a passphrase.",
			field: privateKeyField(),
		},
		{
			key:   "okta.key_id",
			doc:   "The id (kid) that Okta shows beside the public key. Needed when the app has several keys.",
			field: textField(func(t target) *string { return &u(t).Okta.KeyID }, nil),
		},
		{
			key: "okta.scopes", def: "okta.users.read,okta.groups.read,okta.apps.read,okta.logs.read,okta.eventHooks.read",
			doc:   "The scopes that the service app asks for. Each must be granted to the app in Okta. An API token has no scopes.",
			field: listField(func(t target) *[]string { return &u(t).Okta.Scopes }, 30, checkScope),
		},
		{
			key:   "okta.app_id",
			doc:   "The id of the Okta app that stands for the product; the people assigned to it are in scope. It begins with 0oa and is part of the app's address in the admin console.",
			field: textField(func(t target) *string { return &u(t).Okta.AppID }, checkAppID),
		},
		{
			key: "okta.rate_share", def: "0.5",
			doc:   "The share of the rate limits shown by Okta that events and full syncs use; the rest is left to your other integrations. The last fifth is kept back whatever the share: only reads for people who may be leaving use it.",
			field: fractionField(func(t target) *float64 { return &u(t).Okta.RateShare }, 0.01, 1),
		},
		{
			key: "okta.concurrency", def: "8",
			doc:   "Requests to Okta at the same time, for each process; events go before full syncs, and reads for people who may be leaving wait for neither. Okta also limits these for the whole org.",
			field: countField(func(t target) *int { return &u(t).Okta.Concurrency }, 1, 30),
		},
		{
			key: "okta.second_look", def: "1m",
			doc: "How long after a membership or assignment event the person or group is read once more, because Okta may show a change later than it tells of it; or off.",
			field: offOr(durationField(func(t target) *time.Duration { return &u(t).Okta.SecondLook }, time.Second, time.Hour),
				func(t target) *time.Duration { return &u(t).Okta.SecondLook }),
		},
		{
			key: "okta.burst", def: "50",
			doc: "From how many people on, whose events wait or who were assigned within a minute, one list of the app may be read in place of each person, if that takes fewer calls; or off, as it is with an okta.second_look of over a minute.",
			field: offOr(countField(func(t target) *int { return &u(t).Okta.Burst }, 10, 100000),
				func(t target) *int { return &u(t).Okta.Burst }),
		},
		{
			key: "okta.allow_http", def: "false",
			doc:   "Allow an http:// address, for an emulated Okta on this machine only (localhost, 127.0.0.1, ::1).",
			field: switchField(func(t target) *bool { return &u(t).Okta.AllowHTTP }),
		},
		{
			key: "okta.log.interval", def: "1m",
			doc: "How often the org's System Log is read for events that no hook has brought. Each reading is one call of a bucket that has few. off: lost events are made up for by the nightly sync only.",
			field: offOr(durationField(func(t target) *time.Duration { return &u(t).Okta.Log.Interval }, time.Second, day),
				func(t target) *time.Duration { return &u(t).Okta.Log.Interval }),
		},
		{
			key: "hook.header", def: "Authorization",
			doc:   "The header in which Okta sends the event hook's secret.",
			field: textField(func(t target) *string { return &u(t).Hook.Header }, checkHeader),
		},
		{
			key: "hook.secrets", fromFile: true,
			doc:   "The event hook's secret, at least 16 characters, exactly as entered in Okta. Two are accepted at once, so that it can be replaced without losing an event.",
			field: secretsField(func(t target) *[]Secret { return &u(t).Hook.Secrets }, 2, checkHookSecret),
		},
		{
			key:   "hook.hosts",
			doc:   "Host names under which hooks for this tenant arrive at /webhooks/okta. Without them several tenants are told apart by the path /webhooks/okta/<slug>.",
			field: listField(func(t target) *[]string { return &u(t).Hook.Hosts }, 20, checkHookHost),
		},
		{
			key: "hook.check", def: HookAlarm,
			doc:   "What to do when somebody edits, deactivates or deletes the event hook in Okta: repair it, which takes the right okta.eventHooks.manage; raise an alarm; or off, not to look.",
			field: choiceField(func(t target) *string { return &u(t).Hook.Check }, HookRepair, HookAlarm, HookOff),
		},
		{
			key: "hook.check_every", def: "10m",
			doc:   "How often the event hook is looked at.",
			field: durationField(func(t target) *time.Duration { return &u(t).Hook.CheckEvery }, time.Second, day),
		},
		{
			key: "nightly.at", def: "03:00",
			doc:   "When the full sync runs, in UTC: a time such as 03:00, a cron expression of five fields that fires at most once a day, or never.",
			field: textField(func(t target) *string { return &u(t).Nightly.At }, checkSchedule),
		},
		{
			key: "nightly.pause", def: "10m",
			doc:   "An import in Okta, and an app that is activated, deactivated or deleted there, start a full sync: at the soonest this long after the last one began. All that happens meanwhile shares the next.",
			field: durationField(func(t target) *time.Duration { return &u(t).Nightly.Pause }, time.Second, 7*day),
		},
	}
	all = append(all, mappingSettings()...)
	all = append(all, ruleSettings()...)
	return append(all, inviteSettings()...)
}

// mappingSettings are those of sourceParts for each profile field.
func mappingSettings() []setting {
	attributes := map[string]string{
		"first_name": "user.firstName", "last_name": "user.lastName", "email": "user.email", "login": "user.login",
		"picture": "user.profileUrl", "title": "user.title", "language": "user.preferredLanguage,user.locale",
		"location": "user.city", "department": "user.department", "employee_number": "user.employeeNumber",
		"manager_id_text": "user.managerId", "manager_text": "user.manager",
	}
	names := map[string]string{
		"first_name": "the first name", "last_name": "the last name", "email": "the e-mail address", "login": "the login",
		"picture": "the address of the picture", "title": "the job title", "language": "the language", "location": "the location",
		"department": "the department", "employee_number": "the employee number",
		"manager_id_text": "the manager's id, login, e-mail or employee number", "manager_text": "the manager's name",
		"manager_link": "the manager's Okta id (a linked object, link.<name of the primary relationship>, which costs calls: docs/managers.md)",
	}
	var all []setting
	for _, name := range fields() {
		for _, part := range sourceParts() {
			s := setting{key: "mapping." + name + "." + part.key, field: part.field, doc: strings.ReplaceAll(part.doc, "%s", names[name])}
			if part.key == "from" {
				s.def = attributes[name]
			}
			s.set = func(t target, in input) error {
				return t.tenant.mapped(name, func(s *Source) error { return part.setIn(s, in) })
			}
			s.show = func(t target) string { return part.showIn(t.tenant.Mapping[name]) }
			all = append(all, s)
		}
	}
	return all
}

// ruleSettings are what is decided with the mapped fields.
func ruleSettings() []setting {
	u := func(t target) *Tenant { return t.tenant }
	limit := func(key, who string, at func(target) *Limit, absolute, fraction, floor string) []setting {
		return []setting{
			{
				key: key + ".absolute", def: absolute,
				doc:   "A run that takes away more " + who + " than this is stopped.",
				field: countField(func(t target) *int { return &at(t).Absolute }, 0, 10_000_000),
			},
			{
				key: key + ".fraction", def: fraction,
				doc:   "A run that takes away more than this share of the " + who + " is stopped.",
				field: fractionField(func(t target) *float64 { return &at(t).Fraction }, 0, 1),
			},
			{
				key: key + ".floor", def: floor,
				doc:   "Up to this many always pass, so that a small team is not blocked by one leaver.",
				field: countField(func(t target) *int { return &at(t).Floor }, 0, 10_000_000),
			},
		}
	}
	all := []setting{
		{
			key:   "preset",
			doc:   "The preset from which the tenant takes what it does not set itself: a name from presets in the file.",
			field: textField(func(t target) *string { return &u(t).Preset }, checkPresetName),
		},
		{
			key:   "custom_fields",
			doc:   "Custom attributes of the directory, each with a name, a type (text, number, boolean, date, list, choice), the choices of a choice, and the steps of a mapping, such as from. An attribute that is not declared is ignored.",
			field: customFieldsField(),
		},
		{
			key: "required", def: "first_name,last_name,email",
			doc:   "Fields without which a person is kept in quarantine, custom ones as custom.<name>.",
			field: listField(func(t target) *[]string { return &u(t).Required }, 50, checkAnyField),
		},
		{
			key:   "unique",
			doc:   "Fields whose value only one present person may have: email, login, employee_number, and custom ones of one value as custom.<name>. A second person is kept in quarantine.",
			field: listField(func(t target) *[]string { return &u(t).Unique }, 10, checkUnique),
		},
		{
			key:   "owned",
			doc:   "Fields that the product owns, custom ones as custom.<name>: Okta gives their first value and never replaces it, and the product writes them by the API. All others are Okta's.",
			field: listField(func(t target) *[]string { return &u(t).Owned }, 50, checkOwned),
		},
		{
			key:   "groups.ids",
			doc:   "Ids of Okta groups that are taken over. A group is taken when any of groups.ids, groups.names, groups.types and groups.assigned chooses it, and it is not excluded.",
			field: listField(func(t target) *[]string { return &u(t).Groups.IDs }, 1000, checkGroupID),
		},
		{
			key:   "groups.names",
			doc:   "Names of Okta groups that are taken over, with * for any characters and ? for one.",
			field: listField(func(t target) *[]string { return &u(t).Groups.Names }, 1000, checkGroupName),
		},
		{
			key: "groups.types", def: "OKTA_GROUP",
			doc:   "Types of Okta groups that are taken over whole: OKTA_GROUP (made in Okta), APP_GROUP (imported), BUILT_IN (Everyone). The default holds only while none of groups.ids, groups.names and groups.assigned is set.",
			field: listField(func(t target) *[]string { return &u(t).Groups.Types }, 3, oneOf("OKTA_GROUP", "APP_GROUP", "BUILT_IN")),
		},
		{
			key: "groups.assigned", def: "false",
			doc:   "Takes the Okta groups that are assigned to the app, for as long as they are.",
			field: switchField(func(t target) *bool { return &u(t).Groups.Assigned }),
		},
		{
			key:   "groups.exclude",
			doc:   "Ids or names, with * and ?, of groups that are never taken over.",
			field: listField(func(t target) *[]string { return &u(t).Groups.Exclude }, 1000, checkLeftOut),
		},
	}
	all = append(all, teamSettings()...)
	all = append(all, managerSettings()...)
	all = append(all, limit("limits.people", "people", func(t target) *Limit { return &u(t).Limits.People }, "500", "0.1", "5")...)
	all = append(all, limit("limits.groups", "groups", func(t target) *Limit { return &u(t).Limits.Groups }, "50", "0.2", "3")...)
	all = append(all, limit("limits.members", "members of one group", func(t target) *Limit { return &u(t).Limits.Members }, "1000", "0.5", "10")...)
	all = append(all, limit("limits.roles", "roles of people who stay", func(t target) *Limit { return &u(t).Limits.Roles }, "500", "0.1", "10")...)
	all = append(all, limit("limits.licenses", "licenses of people who stay", func(t target) *Limit { return &u(t).Limits.Licenses }, "500", "0.1", "10")...)
	all = append(all, grantSettings()...)
	all = append(all, fittingSettings()...)
	all = append(all, setting{
		key: "limits.safety", def: SafetyUpToLimit,
		doc:   "Which deactivations and suspensions are applied while a plan waits for approval, those alone that Okta states itself (DEPROVISIONED, SUSPENDED): as many as limits.people.absolute, all, or none.",
		field: choiceField(func(t target) *string { return &u(t).Limits.Safety }, SafetyUpToLimit, SafetyAll, SafetyNone),
	})
	all = append(all, setting{
		key: "limits.plan_max_age", def: "1d",
		doc: "How long the plan of a run that was held may be approved, and how long any plan may be applied whose applying was interrupted. After that the run is outdated and the sync has to be run again, or, where nobody had to approve it, the run makes its plan anew.",
		// Shorter than the least retention.tombstones: an old plan must not bring back what is forgotten.
		field: durationField(func(t target) *time.Duration { return &u(t).Limits.PlanMaxAge }, 10*time.Minute, 5*day),
	})
	return append(all, setting{
		key: "deprovision.policy", def: DeprovisionDeactivate,
		doc:   "What becomes of people who are deactivated or deleted in Okta, or no longer assigned to the app: deactivate takes their access away and keeps their data; remove_from_team takes them out of team and groups and leaves their account as it is; delete is deactivate, and after deprovision.grace their data is erased. A suspension keeps everything, whatever is set here (docs/operations.md).",
		field: choiceField(func(t target) *string { return &u(t).Deprovision.Policy }, DeprovisionDeactivate, DeprovisionFromTeam, DeprovisionDelete),
	}, setting{
		key: "deprovision.grace", def: "30d",
		doc:   "With the policy delete: how long after they left the data of people is erased. Whoever comes back before is as before. It must be shorter than retention.tombstones.",
		field: durationField(func(t target) *time.Duration { return &u(t).Deprovision.Grace }, time.Minute, 10*365*day),
	})
}
