"""The container stack: `just up`, `just down`, `just status`, and commands on it."""
