"""Pods on this host, by Podman."""
