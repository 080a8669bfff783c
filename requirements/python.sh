#!/bin/sh
# python.sh [PYTHON]: prints the Python to use: the named one, or the first of 3.11 and 3.12 here.
set -eu
found=
for name in ${1:-python3.11 python3.12 python3 python}; do
    version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    found="$found $name ($version)"
    case $version in
    3.11 | 3.12)
        "$name" -c 'import ensurepip, venv' 2>/dev/null || {
            echo "make: $name cannot make virtual environments: install its venv module (Debian, Ubuntu: apt-get install python$version-venv)" >&2
            exit 1
        }
        echo "$name"
        exit
        ;;
    esac
done
echo "make: Python 3.11 or 3.12 is needed, and here is${found:- none}: install one (Debian 12: apt-get install python3.11-venv; Ubuntu 24.04: apt-get install python3.12-venv; elsewhere: uv python install 3.12) and name it with PYTHON= if it is not on PATH" >&2
exit 1
