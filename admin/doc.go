// Package admin shows over HTTP what an application is doing: to orchestrators that probe it, to Prometheus, and to people.
//
//	server, err := admin.Listen(admin.Config{Application: app, Topology: t.Describe()})
//	...
//	go server.Serve()
//	defer server.Close()
//
// Paths:
//
//	/livez       200 while the process is of use, else 503: a restart would help
//	/startupz    200 once the start is over (topics, state, global stores), else 503
//	/readyz      200 while every task that the process has is processing; else 503, and what is waited for, how far it is
//	/metrics     what Prometheus scrapes, if there is a handler for it
//	/topology    the operators, stores and topics, as JSON
//	/tasks       the tasks and global stores: positions, lags, counters of operators, progress of restores, as JSON
//	/errors      the last errors of the operators, as JSON, if there is a source of them
//	/debug/pprof the profiles of the Go runtime
//
// Rules of the package:
//
//	H1  Nothing here changes what the application does; every path is read with GET or HEAD.
//	H2  No key and no value of a record is in any answer.
//	H3  By default only this machine is listened to. A token, if there is one, is asked for everywhere but at the three probes,
//	    which orchestrators call without.
//	H4  Profiles are served only where whoever calls is on this machine or has the token, unless they are switched on.
//	H5  Every answer is bounded in time, and so is the end of the server.
//
// It does not decide what is healthy; that is package engine's.
package admin
