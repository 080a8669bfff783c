"""The resources of a job, read from its manifests and checked against each other.

``schema`` has the resources' fields, ``checks`` the rules that a schema cannot express, and
``loader`` reads files. All problems are reported together, each with its file, resource and field.
"""
