"""The relay: files that the controller sends to one host, from which the others have them, and pass them on."""
