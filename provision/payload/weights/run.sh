# A program about the weights: it reads from its environment (environment.sh) what it is to do. Whoever sent the model
# for others to read must not be kept from it by root's umask.

umask 022
[ "$work" = room ] || mkdir -p -- "$models" || exit 1
export WORK="$work" FOLDER="$folder" MANIFEST="$manifest" MARK="$mark" MODELS="$models" CLUSTER="$cluster"
export OWNER="$owner" OURS="$ours" DEEP="$deep" EXPECTED="$expected" ABOUT="$about" FAULTS="$faults"
export REPO="$repo" REVISION="$revision"
export_environment
printf '%s\n' "$program" | "$python" -I -B -
