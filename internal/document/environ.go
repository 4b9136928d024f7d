package document

import (
	"errors"
	"fmt"
	"strings"
)

// variables reads the environment for a shape.
func (d *decoder) variables(s *shape, prefix string, environ []string) error {
	paths, shapes, errs := map[string]string{}, map[string]*shape{}, []error{}
	var known []string
	s.leaves(d.root, prefix, func(path, name string, leaf *shape) {
		if other, twice := paths[name]; twice {
			errs = append(errs, fmt.Errorf("document: the variable %s is both %s and %s", name, other, path))
		}
		paths[name], shapes[name] = path, leaf
		known = append(known, name)
	})
	d.vars = make(map[string]*Node)
	for _, v := range environ {
		name, text, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, prefix+"_") {
			continue
		}
		path, ok := paths[name]
		if !ok {
			d.errs = append(d.errs, &Error{Place: Place{File: name}, Err: fmt.Errorf("unknown environment variable%s", didYouMean(name, known))})
			continue
		}
		n, err := shapes[name].textNode(Place{File: name}, path, text)
		if err != nil {
			d.errs = append(d.errs, err)
			continue
		}
		d.vars[path] = n
	}
	return errors.Join(errs...)
}

// leaves calls each for what a variable can say, with its path and the name of the variable.
func (s *shape) leaves(path, prefix string, each func(path, name string, leaf *shape)) {
	for _, f := range s.fields {
		name, at := prefix+"_"+variable(f.name), Child(path, f.name)
		if f.shape.form == formStruct {
			f.shape.leaves(at, name, each)
		} else {
			each(at, name, f.shape)
		}
	}
}

// variable is a key as a part of the name of an environment variable.
func variable(key string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(key))
}

// hasVariable reports whether a variable says something about a path or what is below it.
func (d *decoder) hasVariable(path string) bool {
	for p := range d.vars {
		if p == path || strings.HasPrefix(p, path+".") || strings.HasPrefix(p, path+"[") {
			return true
		}
	}
	return false
}
