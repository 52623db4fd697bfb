# Removes the folder of a build.

case $work in */.provision-build.*) rm -rf -- "$work" ;; esac
