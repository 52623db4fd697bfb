# Who else could change what lies in our folder, or in the model's.

echo "@folders"
value=$(strangers "$root" "$uid")
[ -z "$value" ] || echo "root|$value"
# Whoever logged in reads the model, also where sudo does the work.
value=$(strangers "$model" "$uid $SUDO_UID")
[ -z "$value" ] || echo "model|$value"
