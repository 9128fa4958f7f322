"""The stack on Kubernetes: manifests, and the recipes `k3s::...` that lift it to a cluster."""
