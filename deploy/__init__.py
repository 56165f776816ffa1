"""Running all this on a Kubernetes cluster: the worker's image, and manifests for kustomize (docs/kubernetes.md)."""
