"""What the commands do that make no run: files are checked and written, and the hosts are asked at most. Each is a
function with a typed result, which the command line shows."""
