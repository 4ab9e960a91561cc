// Package config reads the settings and the rules of the tenants: one YAML file,
// the environment, and files that hold secrets.
//
// Every setting stands once in a table (settings.go, tenant_settings.go) with its
// key, type, default and description. Load reads the file into a tree that
// knows lines and columns, lets the environment replace single values, fills in
// the defaults, and writes the result through the table into Config. Then the
// checks look at values that belong together. docs/configuration.md is made from
// the same table, and config.example.yml is checked against it.
//
// When something is wrong Load returns every problem at once, each with its key,
// where it was written, what is wrong and what is allowed. It never returns half a
// configuration. No problem and no printed form contains a secret.
package config
