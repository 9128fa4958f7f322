"""The model registry and experiment runs on an MLflow server."""
