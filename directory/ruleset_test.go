package directory

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// TestRulesSurviveStorage: rules are stored as JSON and read by every process, so each field that somebody adds must come back as it
// was, and none may be hidden from it.
func TestRulesSurviveStorage(t *testing.T) {
	t.Parallel()
	var rules Rules
	fill(t, reflect.ValueOf(&rules).Elem(), "Rules")
	text, err := json.Marshal(rules)
	if err != nil {
		t.Fatal(err)
	}
	var back Rules
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, rules) {
		t.Errorf("stored as %s\nthey come back otherwise", text)
	}
}

// fill gives everything in v a value.
func fill(t *testing.T, v reflect.Value, at string) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("text of " + at)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), at+"[0]")
		fill(t, v.Index(1), at+"[1]")
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key, at+" key")
		fill(t, value, at+" value")
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), at)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			name := at + "." + v.Type().Field(i).Name
			if v.Type().Field(i).Tag.Get("json") == "-" {
				continue // where a rule stands, not what it says
			}
			if !v.Type().Field(i).IsExported() {
				t.Errorf("%s is not exported, so it is lost when rules are stored", name)
				continue
			}
			fill(t, v.Field(i), name)
		}
	default:
		t.Errorf("%s is a %s: say here how to fill it", at, v.Kind())
	}
}
