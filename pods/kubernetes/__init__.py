"""Pods on a Kubernetes cluster."""
