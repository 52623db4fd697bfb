# Part of an export. Runs a program with the variables of a file in its environment: with_secrets.sh FILE PROGRAM [ARGUMENT]...
# FILE is mode 0600 and has `NAME=value` lines. A value is taken as it stands, without quotes or escapes.

file=$1; shift
[ -r "$file" ] || { echo "$file cannot be read: write it first, mode 600" >&2; exit 1; }
while IFS= read -r line || [ -n "$line" ]; do
    case $line in ''|'#'*) continue ;; *=*) ;; *) echo "$file: a line without \`=\`" >&2; exit 1 ;; esac
    case ${line%%=*} in *[!A-Za-z0-9_]*|[0-9]*|'') echo "$file: a name that is none" >&2; exit 1 ;; esac
    export "${line%%=*}=${line#*=}"
done < "$file"
exec "$@"
