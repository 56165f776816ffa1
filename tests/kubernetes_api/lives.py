"""Scripted lives of pods: all that a cluster can do to one."""

from tests.kubernetes_api.kubelet import Life
from tests.kubernetes_api.live_pod import LivePod

NO_ROOM = "0/3 nodes are available: 1 node(s) had untolerated taint {gpu: true}, 2 Insufficient memory."
NO_CLAIM = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."


def executes(pod: LivePod) -> None:
    """Run the pod's command on this host."""
    if "no-such-image" in pod.image:
        image_cannot_be_pulled(pod)
        return
    begin(pod)
    pod.exit(pod.run_command())


def begin(pod: LivePod, *lines: str) -> None:
    """Start the step, which writes some lines."""
    pod.schedule()
    pod.waits("ContainerCreating")
    pod.start()
    for line in lines:
        pod.say(f"{line}\n")


def ends_with(code: int, *lines: str) -> Life:
    """Return the life of a step that writes some lines and ends."""

    def live(pod: LivePod) -> None:
        begin(pod, *lines)
        pod.exit(code)

    return live


def talks(count: int, every: float) -> Life:
    """Return the life of a step that counts."""

    def live(pod: LivePod) -> None:
        begin(pod)
        for number in range(1, count + 1):
            pod.say(f"{number}\n")
            pod.pause(every)
        pod.exit(0)

    return live


def goes_on(pod: LivePod) -> None:
    """Work until it is asked to end."""
    begin(pod, "started")
    pod.forever()
    pod.exit(143)


def pends(message: str) -> Life:
    """Return the life of a pod for which there is no node."""

    def live(pod: LivePod) -> None:
        pod.unschedulable(message)
        pod.forever()

    return live


def image_cannot_be_pulled(pod: LivePod) -> None:
    """Wait for an image in vain: the two reasons take turns."""
    pod.schedule()
    pod.event("Failed", f'Failed to pull image "{pod.image}": not found')
    while not pod.stop.is_set():
        pod.waits("ErrImagePull", f'failed to pull image "{pod.image}": not found')
        pod.pause(0.1)
        pod.waits("ImagePullBackOff", f'Back-off pulling image "{pod.image}"')
        pod.pause(0.1)


def image_comes_late(pod: LivePod) -> None:
    """Get the image after a while."""
    pod.schedule()
    pod.waits("ErrImagePull", "registry is away")
    pod.pause(0.3)
    pod.start()
    pod.say("here\n")
    pod.exit(0)


def waits_with(reason: str, message: str, *events: tuple[str, str]) -> Life:
    """Return the life of a pod whose container does not start."""

    def live(pod: LivePod) -> None:
        pod.schedule()
        for event in events:
            pod.event(*event)
        pod.waits(reason, message)
        pod.forever()

    return live


def out_of_memory(pod: LivePod) -> None:
    """Be killed for its memory, as a whole."""
    begin(pod, "building")
    pod.exit(137, "OOMKilled")


def evicted(pod: LivePod) -> None:
    """Be evicted by the kubelet: the statuses of its containers may go with it."""
    begin(pod, "building")
    pod.pause(0.1)
    pod.condition("DisruptionTarget", "True", "TerminationByKubelet", "The node was low on resource: memory.")
    pod.log.end()
    pod.event("Evicted", "The node was low on resource: memory.")
    pod.exit(137)
    pod.status(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")


def evicted_before_its_start(pod: LivePod) -> None:
    """Be evicted while its image was pulled: there never is a container."""
    pod.schedule()
    pod.status(phase="Failed", reason="Evicted", message="The node was low on resource: ephemeral-storage.")


def drained(pod: LivePod) -> None:
    """Be evicted by `kubectl drain`: deleted, and gone."""
    begin(pod, "building")
    pod.condition("DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting")
    pod.asked_to_go()
    pod.pause(1)
    pod.vanish()


def drained_at_once(pod: LivePod) -> None:
    """Be evicted, end on being asked to, and be removed before the next look."""
    begin(pod, "building")
    pod.condition("DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting")
    pod.asked_to_go()
    pod.exit(143)
    pod.vanish()


def node_lost(pod: LivePod) -> None:
    """Lose its node: it "runs" for ever, and its end is never reported."""
    begin(pod, "building")
    pod.condition("DisruptionTarget", "True", "DeletionByTaintManager", "Taint manager: NoExecute taint")
    pod.asked_to_go(-3600)
    pod.forever()


def node_removed(pod: LivePod) -> None:
    """Lose its node for good: the collector ends it."""
    begin(pod, "building")
    pod.log.end()
    pod.condition("DisruptionTarget", "True", "DeletionByPodGC", "PodGC: node no longer exists")
    unseen = {"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": None, "finishedAt": None}
    started = pod._started
    pod._container({"terminated": unseen | {"startedAt": started}})
    pod.status(phase="Failed")


def deadline_exceeded(pod: LivePod) -> None:
    """Be ended by the kubelet at activeDeadlineSeconds; it reports the reason before the container's end."""
    begin(pod, "building")
    message = "Pod was active on the node longer than the specified deadline"
    pod.status(phase="Failed", reason="DeadlineExceeded", message=message)
    pod.pause(0.2)
    pod.exit(137)


def lost_its_supervisor(pod: LivePod) -> None:
    """End unseen, after a restart of its node."""
    begin(pod, "building")
    pod.exit(137, "ContainerStatusUnknown", "The container could not be located when the pod was terminated")


def vanishes(pod: LivePod) -> None:
    """Be deleted while it runs, by force."""
    begin(pod, "building")
    pod.pause(0.2)
    pod.vanish()
