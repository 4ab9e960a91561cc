package config

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	Key   string // the setting, such as "okta.url"; empty when the file as a whole is meant
	Where string // "config.yml:12:5" or the variable's name; empty when it was set nowhere
	Text  string // what is wrong and what is allowed
}

// Error renders the problem as one line.
func (p Problem) Error() string {
	switch {
	case p.Key == "" && p.Where == "":
		return p.Text
	case p.Key == "":
		return p.Where + ": " + p.Text
	case p.Where == "":
		return p.Key + ": " + p.Text
	default:
		return p.Key + " (" + p.Where + "): " + p.Text
	}
}

// Problems returns the problems that an error of Load consists of, in the order in
// which they should be read.
func Problems(err error) []Problem {
	var one Problem
	var many interface{ Unwrap() []error }
	switch {
	case errors.As(err, &many):
		var all []Problem
		for _, e := range many.Unwrap() {
			all = append(all, Problems(e)...)
		}
		return all
	case errors.As(err, &one):
		return []Problem{one}
	default:
		return nil
	}
}

// problems collects what is wrong.
type problems struct {
	all []Problem
}

func (p *problems) add(key, where, format string, args ...any) {
	p.all = append(p.all, Problem{Key: key, Where: where, Text: fmt.Sprintf(format, args...)})
}

// has says whether something is already wrong with the key or below it: then the
// checks across several settings would only repeat it.
func (p *problems) has(keys ...string) bool {
	for _, problem := range p.all {
		for _, key := range keys {
			if problem.Key == key || strings.HasPrefix(problem.Key, key+".") || strings.HasPrefix(problem.Key, key+"[") {
				return true
			}
		}
	}
	return false
}

func (p *problems) err() error {
	var all []error
	for _, problem := range p.all {
		all = append(all, problem)
	}
	return errors.Join(all...)
}

// quote shows a value in a problem: hostile characters escaped, and not too long.
func quote(value string) string {
	const most = 60
	short := []rune(value)
	if len(short) <= most {
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprintf("%q…", string(short[:most]))
}
