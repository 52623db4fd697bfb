"""What `Weights` runs on a host. The programs are modules of this package, sent as text."""

from __future__ import annotations

from importlib.resources import files

from provision.core.script import Script, Value

#: Seconds for hundreds of gigabytes over a slow line, or from a slow disk.
TIMEOUT = 86400.0

#: Seconds to list a folder on a file server that is busy.
LISTING = 120.0

# Nothing is hashed, nothing is written. As long as nothing has changed, the manifest's head is all that is told. Two
# listings are compared as text: a host has find and sort, and not always an interpreter before the environment.
PROBE = r"""
[ -f "$mark" ] && echo "marked=yes"
for other in "${mark%.used-*}".used-*; do
    [ -f "$other" ] && [ "$other" != "$mark" ] && echo "shared=yes"
done
for other in "$models"/*.used-"$cluster"; do
    [ -f "$other" ] && [ "$other" != "$mark" ] && echo "older=yes"
done
expected= listed=
if [ -f "$manifest" ]; then
    sed '1d;/^$/q' "$manifest"
    expected=$(sed '1,/^$/d' "$manifest" | cut -d ' ' -f 2- | LC_ALL=C sort)
fi
if [ -d "$folder" ]; then
    echo "folder=yes"
    listed=$(cd -- "$folder" && LC_ALL=C find -L . -mindepth 1 -name '.*' -prune -o -type f -printf '%s %T@ %P\n' |
        LC_ALL=C sort) || exit 1
fi
if [ -n "$listed" ] && [ "$listed" = "$expected" ]; then
    echo "sound=yes"
elif [ -d "$folder" ]; then
    printf '%s\n' "$listed" | sed 's/^/is /'
    begun=$(find "$folder" -type f \( -path '*/.provision-parts/*' -o -path '*/.incoming.*' \) -printf '%s\n' |
        { total=0; while read -r size; do total=$((total + size)); done; echo "$total"; })
    echo "begun=$begun"
fi
"""

#: Follows the probe: what each file was, where that is no longer so, here or in the controller's folder.
WAS = r"""
if [ -f "$manifest" ]; then
    if [ -z "$listed" ] || [ "$listed" != "$expected" ] ||
        { [ -n "$stamp" ] && ! grep -qxF "stamp=$stamp" "$manifest"; }; then
        sed '1,/^$/d' "$manifest" | sed 's/^/was /'
    fi
fi
"""

#: Follows the probe: every file against its hash, last in line for processor and disk.
DEEP = r"""
if [ -n "$listed" ] && [ "$listed" = "$expected" ]; then
    idle=
    command -v ionice >/dev/null 2>&1 && ionice -c 3 true 2>/dev/null && idle="ionice -c 3"
    cd -- "$folder" || exit 1
    sed '1,/^$/d' "$manifest" | sed 's/^\([0-9a-f]*\) [0-9]* [0-9.-]* /\1  /' | LC_ALL=C tr '\n' '\0' |
        nice -n 19 $idle xargs -0 -n 1 -P 4 sh -c 'printf "%s\n" "$1" | LC_ALL=C sha256sum -c --quiet 2>/dev/null' sh |
        sed -n 's/: FAILED.*$//;t found;d;:found;s/^/fault /p'
fi
"""

#: What goes into the manifest of all hosts, for the proof that they are alike.
TELL = r"""
[ -f "$manifest" ] || exit 0
cat -- "$manifest"
"""

# What we brought goes, also of models that were served before, unless another cluster uses it; a folder of somebody's
# own loses the files that were sent.
REMOVE = r"""
used() { for other in "$1".used-*; do [ -f "$other" ] && return 0; done; return 1; }
rm -f -- "$mark"
base=${manifest%.manifest}
if ! used "$base"; then
    if [ -n "$ours" ]; then
        case $folder in "$models"/?*) rm -rf -- "$folder" || exit 1 ;; *) echo "not ours: $folder" >&2; exit 1 ;; esac
    elif [ -n "$brought" ] && [ -f "$manifest" ]; then
        sed '1,/^$/d' "$manifest" | cut -d ' ' -f 4- | (
            cd -- "$folder" || exit 0
            while IFS= read -r name; do rm -f -- "$name"; done
            find . -depth -type d -empty -delete 2>/dev/null
        )
        rmdir -- "$folder" 2>/dev/null
    fi
    rm -f -- "$manifest" "$manifest.lock"
fi
for old in "$models"/*.used-"$cluster"; do
    [ -f "$old" ] || continue
    base=${old%.used-"$cluster"}
    rm -f -- "$old"
    used "$base" || rm -rf -- "$base" "$base.manifest" "$base.manifest.lock"
done
rmdir -- "$models" "${models%/*}" 2>/dev/null
:
"""

#: Variables of a script that its program reads, in capitals, from the environment.
PASSED = (
    "work", "folder", "manifest", "mark", "models", "cluster", "owner", "ours", "deep", "expected", "about", "repo",
    "revision", "faults",
)  # fmt: skip


#: What controller and hosts must agree on.
_VALUES = ("manifest", "selection")


def program(*modules: str) -> str:
    """One text of several modules of this package, behind those of `provision.weights` that they use: what one imports
    from another is above it already."""
    texts = [files("provision.weights").joinpath(f"{name}.py").read_text(encoding="utf-8") for name in _VALUES]
    texts += [files("provision.resources").joinpath(f"{name}.py").read_text(encoding="utf-8") for name in modules]
    lines = [line for text in texts[:-1] for line in text.split("# main: not")[0].splitlines()]
    lines += texts[-1].splitlines()
    kept = [line for line in lines if not line.startswith(("from provision.", "from __future__"))]
    return "from __future__ import annotations\n" + "\n".join(kept)


def run(text: str, variables: dict[str, Value], *, environment: dict[str, Value], timeout: float = TIMEOUT) -> Script:
    """`environment`: further variables for the program, a token among them."""
    given = {**dict.fromkeys(PASSED, ""), **variables}
    exports = [f'export {name.upper()}="${name}"' for name in PASSED]
    for index, (name, value) in enumerate(environment.items()):
        given[f"extra_{index}"] = value
        exports.append(f'export {name}="$extra_{index}"')
    body = "\n".join(exports)
    # Whoever sent the model for others to read must not be kept from it by root's umask.
    start = 'umask 022\n[ "$work" = room ] || mkdir -p -- "$models" || exit 1'
    return Script(f"{start}\n{body}\n\"$python\" -I -B - <<'PROGRAM'\n{text}\nPROGRAM\n", given, timeout=timeout)


LOCAL = program("weights_program")
HUB = program("weights_program", "weights_hub_program")
