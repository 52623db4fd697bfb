"""The weights of a model on a host: downloaded, hashed, and sealed with a manifest."""
