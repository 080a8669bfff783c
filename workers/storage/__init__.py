"""Where models, data and output are: on the node, in S3 or behind HTTP.

    Mirror              gives every URL a local path, downloads to it and uploads from it
    ├── S3Storage       s3://
    └── HttpStorage     http:// and https://, for reading only

A path on the node stands for itself. Training and evaluation see local paths only. On a
cluster Sedna's init container downloads what a worker reads; what it writes, and everything
where there is no such container, is the worker's own work.
"""

from workers.storage.base import NotFoundError, Storage
from workers.storage.folders import make_folder
from workers.storage.mirror import Mirror
from workers.urls import is_remote, local_path, redacted

__all__ = [
    "Mirror",
    "NotFoundError",
    "Storage",
    "is_remote",
    "local_path",
    "make_folder",
    "redacted",
]
