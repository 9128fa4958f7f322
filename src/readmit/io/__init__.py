"""Input and output: databases, object store, model registry, and clients of other services."""
