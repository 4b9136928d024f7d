//go:build !synctests

package engine

const durableMutexes = false
