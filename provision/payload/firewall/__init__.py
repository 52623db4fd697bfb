"""The firewall's part: its table on a host, who listens there, and a look from outside."""
