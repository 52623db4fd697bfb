# Whether the server has answered since it was started: by its stamp, which has been read.

answered() {
    case $stamped in *"
answers="*) ;; *) return 1 ;; esac
}
