#!/usr/bin/env bash
# The unit tests at both ends of what setup.cfg promises: the oldest Python with the lowest versions of what it names,
# and the newest Python with the newest of everything. `make compat` runs it; each end has an environment of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=$PWD/.venv/bin/uv
[ -x "$uv" ] || uv=$(command -v uv) || { echo "error: there is no uv" >&2; echo "hint: make install" >&2; exit 2; }
# pyenv's own commands refuse a version that is not chosen: its interpreters are found themselves.
for folder in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin; do PATH=$folder:$PATH; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

missing=0
for version in 3.10 3.13; do
    # Fetches that Python where there is none and uv is let.
    "$uv" venv --quiet --python "$version" "$work/$version" 2>"$work/said" && continue
    cat "$work/said" >&2
    echo "error: there is no Python $version, and uv could not fetch it" >&2
    echo "hint: install python$version, with pyenv or the distribution, or let uv reach its downloads" >&2
    missing=1
done
[ "$missing" -eq 0 ] || exit 2

failed=0
while read -r version resolution; do
    echo "== Python $version, --resolution $resolution =="
    "$uv" pip install --quiet --python "$work/$version" --resolution "$resolution" '.[test]'
    "$uv" pip freeze --quiet --python "$work/$version" | grep -iE '^(click|pydantic|paramiko|uv)=='
    "$work/$version/bin/pytest" -q -p no:cacheprovider tests/unit </dev/null || failed=1
done <<END
3.10 lowest-direct
3.13 highest
END
exit "$failed"
