"""The options of a cluster: the choices of its administrator, and the limits on waiting for it."""

from datetime import timedelta

from config.pods import Kubernetes
from pods.resources import Resources


class KubernetesOptions(Kubernetes):
    """The settings `IMS_KUBERNETES_…`, and what only the project itself and tests choose.

    Args:
        tools_image: An image with `rm`, by which the folder `host_path` is emptied.
        tools_resources: What the pod that does so asks of its node.
        service_limit: Limit on a service's getting its address.
        call_limit: Limit on one call.
        window: How long one watch lasts; at its end the pod is read again.
        silence: After how long without a line of log the pod is looked at.
        pause: The first pause before a call is tried again; also between looks where watching fails.
        removal_limit: Limit on the end of a job's pods, before they are removed by force.
    """

    tools_image: str = ""
    tools_resources: Resources = Resources()
    service_limit: timedelta = timedelta(minutes=2)
    call_limit: timedelta = timedelta(seconds=30)
    window: timedelta = timedelta(seconds=15)
    silence: timedelta = timedelta(seconds=30)
    pause: timedelta = timedelta(seconds=1)
    removal_limit: timedelta = timedelta(seconds=15)
