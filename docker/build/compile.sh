#!/bin/sh
# compile.sh FOLDER: ships .pyc files that are right whatever a file system does to times.
# Without them every start compiles them again, because an image's files cannot be written to.
set -eu
# Some packages carry files for other versions of Python, which do not compile.
/opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash "$1" >/dev/null || true
