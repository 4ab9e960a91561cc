package okta

import (
	"fmt"
	"strings"
)

// HookTerraform is the tenant's hook as resources of the okta/okta Terraform provider, versions 4
// to 6. The secret is a variable and never part of the text. id is the hook that there is
// already, or empty. Terraform Registry: okta_event_hook, okta_event_hook_verification.
func HookTerraform(spec HookSpec, id string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# The event hook of oktasync. Give the secret, which is hook.secrets of its configuration, as")
	line("# TF_VAR_oktasync_hook_secret. Terraform keeps it in its state: protect that.")
	if id != "" {
		line("# The hook is there already: terraform import okta_event_hook.oktasync %s", id)
	}
	line("terraform {\n  required_version = \">= 1.2\"\n  required_providers {\n    okta = {\n      source  = \"okta/okta\"\n      version = \">= 4.0, < 7.0\"\n    }\n  }\n}\n")
	line("variable \"oktasync_hook_secret\" {\n  description = \"The secret that Okta sends with each delivery to oktasync\"\n  type        = string\n  sensitive   = true\n}\n")
	line("resource \"okta_event_hook\" \"oktasync\" {\n  name   = %s\n  status = \"ACTIVE\"", hclText(spec.Name))
	line("  events = [")
	for _, e := range spec.Events {
		line("    %s,", hclText(e))
	}
	line("  ]\n")
	line("  channel = {\n    type    = \"HTTP\"\n    version = \"1.0.0\"\n    uri     = %s\n  }\n", hclText(spec.URI))
	line("  auth = {\n    type  = \"HEADER\"\n    key   = %s\n    value = var.oktasync_hook_secret\n  }\n}\n", hclText(spec.Header))
	line("# Okta delivers nothing before the hook is verified, and wants that again after each change.")
	line("resource \"okta_event_hook_verification\" \"oktasync\" {\n  event_hook_id = okta_event_hook.oktasync.id\n")
	line("  lifecycle {\n    replace_triggered_by = [okta_event_hook.oktasync]\n  }\n}")
	return b.String()
}

// hclText is a quoted text without templates. HCL native syntax: quoted templates.
func hclText(text string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{")
	return `"` + escape.Replace(text) + `"`
}
