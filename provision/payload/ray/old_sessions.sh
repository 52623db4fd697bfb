# Each start of Ray leaves its logs in a folder of its own: of those that have ended, the last three stay, so that a service
# that ends again and again fills no disk. As the user whose they are.
# shellcheck disable=SC2012 # names that Ray has made: of digits, - and _
# shellcheck disable=SC2016 # for the shell of the user

[ ! -d "$scratch/r" ] || as_user sh -c 'cd "$1/r" && ls -dt session_2* 2>/dev/null | tail -n +4 | xargs -r rm -rf --' sh "$scratch"
