# For what is decided before anything is looked at on the hosts, after existing/look.sh.

list_existing
