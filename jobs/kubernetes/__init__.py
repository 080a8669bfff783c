"""Runs, watches and reports a job on a Kubernetes cluster with Sedna.

Sedna's GlobalManager and LocalController do the work; this package applies the manifests and
reads the cluster's state. ``cluster`` connects and explains errors, ``apply`` writes resources,
``inference`` has the inference pod recreated, ``observer`` collects a job's objects, ``rounds``,
``pods`` and ``snapshot`` turn them into a `jobs.status.JobStatus`, ``problems`` explains why
something does not start, and ``runner`` connects them.
"""
