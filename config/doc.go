// Package config reads the configuration of a processor: defaults, over them a YAML file, over that environment
// variables, over those flags.
//
// All keys stand in one table, [Keys]. Names of environment variables and flags, defaults, the reference in
// docs/configuration.md and the checks come from it and from nowhere else. Rules that hold:
//
//   - every key has an effect (I10): what would have none, such as a user name without a SASL mechanism, is a mistake;
//   - a key that is not in the table is a mistake, in the file as in the environment;
//   - [Load] reports all mistakes at once, each with its key and with the place where it was given;
//   - a secret is never printed, in no message and by no method of this package.
//
// The package opens no connection. It reads the files that keys name, so that a mistake in them shows at the start.
package config
