"""Runs, watches and reports a job on a Kubernetes cluster with Sedna.

Sedna's GlobalManager and LocalController do the work; this package applies the manifests and
reads what they say. ``cluster`` speaks HTTP, ``apply`` writes resources, ``following`` keeps up
with their changes, ``rounds``, ``pods`` and ``snapshot`` make a `jobs.status.JobStatus` of them,
``problems`` says why something does not start, and ``runner`` joins it all.
"""
