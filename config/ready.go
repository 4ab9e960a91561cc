package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// readReady reads the presets that come with the program. One of the file with the same name takes
// the place of the whole ready one. It is read after the file.
func (l *loader) readReady() {
	for _, name := range slices.Sorted(maps.Keys(l.options.Presets)) {
		if slices.Contains(l.presets, name) {
			continue
		}
		l.presets = append(l.presets, name)
		w := &walker{loader: l, path: readyPath + name, tenants: true, table: byKey(presetSettings())}
		root, err := parse(l.options.Presets[name])
		var syntax *syntaxError
		switch {
		case errors.As(err, &syntax) && syntax.line > 0:
			l.problems.add("presets."+name, fmt.Sprintf("%s:%d:%d", w.path, syntax.line, syntax.column), "%s", err.Error())
		case err != nil:
			l.problems.add("presets."+name, w.path, "%s", err.Error())
		case root != nil:
			w.section(presetPrefix(name), "", root)
		}
	}
}
