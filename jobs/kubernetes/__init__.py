"""Runs, watches and reports a job on a Kubernetes cluster with Sedna.

Sedna's GlobalManager and LocalController do the work; this package applies the manifests and
reads what the cluster says. ``cluster`` connects and explains errors, ``apply`` writes resources,
``inference`` has the inference pod created again, ``following`` keeps up with changes, ``rounds``,
``pods`` and ``snapshot`` turn what is observed into a `jobs.status.JobStatus`, ``problems`` says
why something does not start, and ``runner`` joins it all.
"""
