"""The service by which a pod's port is reached from outside, and its address."""

import logging

from errors import Conflict, NotFound
from pods.kubernetes.api import ClusterApi, Kind, Resource
from pods.kubernetes.manifest import EXTERNAL_DNS, SSH_PORT, service_manifest
from pods.kubernetes.options import KubernetesOptions
from pods.kubernetes.pod import PodState
from pods.manifest import JOB_LABEL, MANAGED_BY, MANAGED_BY_LABEL, STEP_LABEL
from pods.polling import poll
from pods.runtime import Endpoint

logger = logging.getLogger(__name__)


def publish(api: ClusterApi, job_id: str, step: str, port: int, options: KubernetesOptions) -> Endpoint:
    """Make the service of a step's pod, or take the one that is there, and return where it is reached.

    Raises:
        NotFound: The step has no pod that runs.
        Conflict: Something else has the service's name.
    """
    found = api.list(Kind.PODS, labels=f"{MANAGED_BY_LABEL}={MANAGED_BY},{JOB_LABEL}={job_id},{STEP_LABEL}={step}")
    running = [entry for entry in found.items if not PodState(entry).is_over and not PodState(entry).is_being_removed]
    if not running:
        raise NotFound(f"no pod of step {step} of job {job_id} runs")
    pod = running[0]
    service = _service(api, pod, port, options)
    external = str(service["metadata"].get("annotations", {}).get(EXTERNAL_DNS, "")).partition(",")[0]
    inside = _cluster_ip(service)
    match service["spec"]["type"]:
        case "NodePort":
            host, port = external or PodState(pod).host, int(service["spec"]["ports"][0]["nodePort"])
        case "LoadBalancer":
            host, port = external or _ingress(api, service, options) or inside, SSH_PORT
        case _:
            host, port = external or inside, SSH_PORT
    # A new name, or the address of a load balancer, may not lead here yet, or never does from within.
    return Endpoint(host, port, inside, SSH_PORT) if host != inside else Endpoint(host, port)


def _service(api: ClusterApi, pod: Resource, port: int, options: KubernetesOptions) -> Resource:
    manifest = service_manifest(pod, port, options)
    name = manifest["metadata"]["name"]
    known = api.get(Kind.SERVICES, name)
    if known and not _leads_to(known, pod, port):
        # It is of a pod that had this name before, and is not collected yet.
        api.delete(Kind.SERVICES, known)
        known = None
    if known is None:
        try:
            return api.create(Kind.SERVICES, manifest)
        except Conflict:
            known = api.get(Kind.SERVICES, name)
    if known is None or not _leads_to(known, pod, port):
        raise Conflict(f"service {name} is there, and leads elsewhere", resolution=f"`kubectl delete service {name}`")
    return known


def _leads_to(service: Resource, pod: Resource, port: int) -> bool:
    owners = [owner["uid"] for owner in service["metadata"].get("ownerReferences") or []]
    return pod["metadata"]["uid"] in owners and service["spec"]["ports"][0]["targetPort"] == port


def _ingress(api: ClusterApi, service: Resource, options: KubernetesOptions) -> str:
    """Wait for the load balancer's address; empty when it gets none in time."""
    name = service["metadata"]["name"]

    def look() -> str | None:
        known = api.get(Kind.SERVICES, name) or {}
        entries = (known.get("status", {}).get("loadBalancer") or {}).get("ingress") or []
        return str(entries[0].get("hostname") or entries[0]["ip"]) if entries else None

    address = poll(look, options.service_limit, options.pause)
    if address is None:
        logger.warning("service %s gets no address of a load balancer; its address in the cluster is used", name)
    return address or ""


def _cluster_ip(service: Resource) -> str:
    return str(service["spec"]["clusterIP"])
