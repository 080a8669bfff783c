"""The resources of a job, read from its manifests: what they are, how they fit together.

``schema`` holds the resources' fields, ``checks`` what a schema cannot say, ``loader`` reads
files. Everything that is wrong is told at once, each with its file, resource and field.
"""
