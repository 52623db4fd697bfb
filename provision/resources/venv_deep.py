"""Every file of an environment against its RECORD: what `--deep` adds to the probe of a `Venv`, and its mending.

A RECORD lists what a wheel brought, with sizes and hashes (packaging.python.org, "Recording installed projects").
It has none for itself; and compiled bytecode is not listed, so that what is in a `__pycache__` is not looked at.
The environment's own Python reads them, without the packages' own start-up code, and last in line for processor and
disk, because a model may be running.
"""

from __future__ import annotations

#: Seconds for some ten GB from a slow disk.
TIMEOUT = 1800.0

#: Reads `$env`. Prints `files=<folder of the package>/<what is not as installed>` for each package that is not, and
#: `stray=<files>` for code that no package brought. With `sweep` it reads no hashes, and removes the latter.
_RECORDS = r"""
import base64, csv, glob, hashlib, os, shutil, stat, sys

env, sweep = sys.argv[1], "sweep" in sys.argv[2:]
CODE = (".py", ".pyc", ".pth", ".so")
# What `uv venv` and virtualenv put there themselves.
OURS = {"_virtualenv.py", "_virtualenv.pth"}
sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")


def open_file(path):
    try:
        # Not even the time of its last reading changes; for that it must be ours.
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOATIME)
    except PermissionError:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def fault(path, listed):
    # Packages that share a file (namespaces) overwrite one another's: any of theirs will do.
    try:
        there = os.stat(path)
        if not stat.S_ISREG(there.st_mode):
            return "edited"
        listed = [(kind, digest) for kind, digest, size in listed if not size or int(size) == there.st_size]
        if not listed:
            return "edited"
        sums = {kind: hashlib.new(kind) for kind, _ in listed}
        with open(open_file(path), "rb") as file:
            while chunk := file.read(1 << 20):
                for one in sums.values():
                    one.update(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError:
        return "unreadable"
    for kind, digest in listed:
        if base64.urlsafe_b64encode(sums[kind].digest()).decode().rstrip("=") == digest:
            return ""
    return "edited"


def few(names):
    shown = ", ".join(name.replace("\n", "?") for name in names[:3])
    return shown + (" and %d more" % (len(names) - 3) if len(names) > 3 else "")


def rows(record):
    with open(open_file(record), encoding="utf-8", errors="surrogateescape", newline="") as file:
        return [row for row in csv.reader(file) if row]


def strays(site, owned):
    folders = {os.path.dirname(path) for path in owned}
    for folder in list(folders):
        while len(folder) > len(site):
            folder = os.path.dirname(folder)
            folders.add(folder)
    for place, inner, files in os.walk(site):
        top = place == site
        for name in sorted(inner):
            path = os.path.join(place, name)
            if name == "__pycache__" or (top and name.endswith((".dist-info", ".egg-info"))):
                inner.remove(name)
            elif path not in folders:
                inner.remove(name)
                if os.path.islink(path) or any(is_code(f) for _, _, found in os.walk(path) for f in found):
                    yield path
        for name in sorted(files):
            path = os.path.join(place, name)
            if is_code(name) and path not in owned and not (top and name in OURS):
                yield path


def is_code(name):
    return name.endswith(CODE) or ".so." in name


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


foreign = []
for site in glob.glob(os.path.join(glob.escape(env), "lib", "python3*", "site-packages")):
    owned, checked, faults, unread = set(), {}, {}, False
    for folder in sorted(glob.glob(os.path.join(glob.escape(site), "*.dist-info"))):
        package = os.path.basename(folder)
        try:
            listed = rows(os.path.join(folder, "RECORD"))
        except (OSError, csv.Error):
            faults[package] = {"unreadable": [package + "/RECORD"]}
            unread = True
            continue
        for row in listed:
            path = os.path.normpath(os.path.join(site, row[0]))
            owned.add(path)
            kind, _, digest = row[1].partition("=") if len(row) > 1 else ("", "", "")
            if digest and kind in hashlib.algorithms_guaranteed and not row[0].endswith(".pyc"):
                size = row[2] if len(row) > 2 and row[2].isdigit() else ""
                checked.setdefault(path, (package, row[0], []))[2].append((kind, digest, size))
    for path, (package, name, listed) in [] if sweep else checked.items():
        what = fault(path, listed)
        if what:
            faults.setdefault(package, {}).setdefault(what, []).append(name)
    for package, found in faults.items():
        said = "; ".join("%s: %s" % (what, few(names)) for what, names in sorted(found.items()))
        print("files=%s/%s" % (package, said))
    # Without one of the RECORDs, nobody knows whose a file is.
    foreign += [] if unread else [(path, os.path.relpath(path, site)) for path in strays(site, owned)]
if sweep:
    for path, _ in foreign:
        remove(path)
elif foreign:
    print("stray=" + few([name for _, name in foreign]))
"""

#: Follows the probe, whose variables it uses. An environment of another lock is not worth the time.
DEEP = f"""
[ "${{finished:-}}" = "$digest" ] || exit 0
idle=
command -v ionice >/dev/null 2>&1 && ionice -c 3 true 2>/dev/null && idle="ionice -c 3"
nice -n 19 $idle "$env/bin/python" -I -S -B - "$env" <<'PY' || echo "unread=exit code $?"
{_RECORDS}
PY
"""

#: Precedes the build that is to call it.
SWEEP = f"""
sweep() {{
    "$env/bin/python" -I -S -B - "$env" sweep <<'PY'
{_RECORDS}
PY
}}
"""
