"""What `up` would run, as files for a person to read and to run without provision."""
