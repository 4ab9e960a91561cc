//go:build !race

package sync_test

func fewer() error { return nil }
