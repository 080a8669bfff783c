"""The resources of a job, read from its manifests: what they are, how they fit together.

``schema`` holds the resources' fields, ``checks`` what a schema cannot say, ``loader`` reads
files. All problems are reported together, each with its file, resource and field.
"""
