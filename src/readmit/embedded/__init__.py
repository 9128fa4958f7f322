"""The same system as processes on one machine, without containers."""
