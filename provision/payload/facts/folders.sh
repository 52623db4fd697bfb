# Who else could change what lies in our folder, or in the model's.

echo "@folders"
value=$(strangers "$root" "$uid")
[ -z "$value" ] || echo "root|$value"
# Whoever logged in reads the model, also where sudo does the work; or the user who services run as.
[ -z "$run_as" ] || reader=$(id -u -- "$run_as" 2>/dev/null)
value=$(strangers "$model" "$uid $SUDO_UID $reader")
[ -z "$value" ] || echo "model|$value"
