# The module that asks for the API key, put where the server imports it from; without a text, it is removed. What a
# start leaves there (bytecode, where the server's user owns the folder) is of the text before.

put_guard() (
    umask 022
    mkdir -p -- "${guard%/*}" && is_ours "${guard%/*}" d && rm -rf -- "$guard" && mkdir -- "$guard" &&
        printf %s "$guard_text" > "$guard/provision_guard.py"
)
if [ -n "$guard_text" ]; then
    put_guard || { echo "$guard cannot be made, or others can write the folder above" >&2; exit 1; }
else
    rm -rf -- "$guard"
fi
