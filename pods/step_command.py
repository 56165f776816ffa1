"""A step's command, in a wrapper that limits its time and reports OOM kills.

Both work in the pod itself: it must end also when the flow's process has been killed. The limit
counts from the container's start; Kubernetes' activeDeadlineSeconds would count waiting for the image as well.
"""

from collections.abc import Sequence

from builder.contract.lines import OUT_OF_MEMORY

# A kernel without memory.oom.group kills one process of the step, and nothing outside learns of it when the step
# itself lives on. So the step's own cgroup is asked, once the step has failed. Only shell builtins: the image may have
# little. A signal to stop reaches the step as well (timeout passes it to its group); this shell outlives it to pass its
# exit code on. One stream for both outputs keeps their order.
WATCH_MEMORY = f"""\
exec 2>&1
trap : TERM INT HUP
"$@"
code=$?
[ "$code" = 0 ] && exit 0
peak=
for file in /sys/fs/cgroup/memory.peak /sys/fs/cgroup/memory/memory.max_usage_in_bytes; do
    [ -r "$file" ] && read -r peak <"$file" && break
done
for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ -r "$file" ] || continue
    while read -r key value; do
        [ "$key" = oom_kill ] && [ "$value" != 0 ] && echo "{OUT_OF_MEMORY}${{peak:+, its peak was $peak bytes}}"
    done <"$file"
done
exit "$code"
"""


def within_limits(command: Sequence[str], *, seconds: int, grace: int) -> list[str]:
    """Return a command that ends by itself after so many seconds, and reports an OOM kill.

    Args:
        command: The step's own.
        seconds: When it gets SIGTERM.
        grace: How much later it gets SIGKILL, in seconds.
    """
    return ["timeout", "-k", str(grace), str(seconds), "sh", "-c", WATCH_MEMORY, "step", *command]
