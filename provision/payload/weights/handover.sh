# Earlier versions left the models to root. Root hands them over to the user whom they are for, once, and only where nobody
# but root could have put anything there: then what it gives away is what it has made.

if [ "$work" != room ] && [ -n "$owner" ] && [ "$(id -u)" = 0 ] && [ -d "$models" ] && [ ! -h "$models" ] &&
    [ "$(stat -c %u -- "$models")" = 0 ] && [ -z "$(strangers "$models/new" 0)" ] &&
    [ -z "$(find "$models" -type d \( ! -user 0 -o -perm /022 \) -print -quit)" ]; then
    chown -Rh -P -- "$owner:$(id -g -- "$owner")" "$models" || exit 1
fi
