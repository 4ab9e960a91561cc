package main

import "github.com/oktasync/oktasync/jobs"

// chores lists the recurring work that each tenant needs. Workers make the turns,
// the scheduler enqueues them when they are due.
func (s *service) chores() []jobs.Chore {
	return []jobs.Chore{s.hookCheck()}
}
