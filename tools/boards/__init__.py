"""Grafana boards: their definition, the generator of their JSON files, and pictures of their data."""
