#!/bin/sh
# install.sh FLAVOR LOCK: installs a lock file into /opt/venv, removes what no worker loads, and
# compiles the rest.
set -eu
flavor=$1
lock=$2
here=$(dirname "$0")
site=$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# Where the network's certificates are not the usual ones; see docs/images.md.
if [ -s /run/secrets/ca_bundle ]; then
    export PIP_CERT=/run/secrets/ca_bundle
fi
/opt/pip/bin/pip --python /opt/venv/bin/python --quiet --disable-pip-version-check install \
    --no-deps --require-hashes --only-binary :all: --no-compile --requirement "$lock"
/opt/venv/bin/python "$here/prune.py" "$site" "$flavor"
# Symbols for a debugger: 35 MB, most of it ml_dtypes'. MindSpore has none; what is in *.libs was
# patched for its wheel and does not bear it.
find "$site" -name '*.so' -not -path '*.libs/*' -not -path "$site/mindspore/*" \
    -exec strip --strip-unneeded {} +
"$here/compile.sh" "$site"
