# A program about the weights: it reads from its environment (environment.sh) what it is to do. Where root works, the
# program becomes the user whom the model is for before it touches a file of theirs (places.py).

umask 022
export WORK="$work" FOLDER="$folder" MANIFEST="$manifest" MARK="$mark" MODELS="$models" CLUSTER="$cluster" HOST="$host"
export OWNER="$owner" OURS="$ours" NEW="$new" DEEP="$deep" EXPECTED="$expected" ABOUT="$about" FAULTS="$faults"
export REPO="$repo" REVISION="$revision" PICKLES="$pickles" CODE="$code"
export_environment
# The token in no environment, which can be read for as long as the program runs.
printf %s "$token" | { exec 3<&0; printf '%s\n' "$program" | "$python" -I -B -; }
