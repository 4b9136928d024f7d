// Package deployment makes the files that a processor is deployed with: a compose file, manifests for Kubernetes, dashboards and
// alert rules.
//
// Rules of the package:
//
//	D1  The files under deployments/ are what it makes with its defaults; a test holds them to that.
//	D2  Dashboards and alert rules speak of metrics by their names in the table of package telemetry only, so that a metric
//	    that is renamed or taken away is a mistake here and not an empty panel there.
//	D3  Nothing is deployed and no system is asked: the files are text.
package deployment
