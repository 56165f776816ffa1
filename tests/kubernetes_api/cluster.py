"""A fake cluster: an API server with one namespace, and what its controllers and its kubelet do."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.kubernetes_api import lives
from tests.kubernetes_api.admission import admit
from tests.kubernetes_api.faults import Call, Faults
from tests.kubernetes_api.kubelet import Kubelet, Life
from tests.kubernetes_api.objects import ApiError, Objects, Resource, moment
from tests.kubernetes_api.rights import HOST_PATH_ROLE, ROLE, rights_of
from tests.kubernetes_api.server import Server

# A claim of this class is never bound; a load balancer of this annotation gets no address.
NEVER_BOUND = "never"
DEFAULT_GRACE = 30
PROTECTION_SECONDS = 0.2


class FakeCluster:
    """See the package's docstring. Everything ends with the `with` block.

    Args:
        folder: Where workspaces lie.
        default: What becomes of pods without a script; their command is run when it is left out.
    """

    token = "test-token"
    namespace = "ims"

    def __init__(self, folder: Path, default: Life = lives.executes) -> None:
        self.faults = Faults()
        self.objects = Objects()
        self.lives: dict[str, Life] = {}
        self.calls: list[Call] = []
        self.load_balancer = True
        self.rights = rights_of(ROLE, HOST_PATH_ROLE)
        self.kubelet = Kubelet(self.objects, folder / "workspaces", self.lives, default)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server = Server(self)
        self._addresses = 0
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self.kubelet.close()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def write_kubeconfig(self, file: Path) -> Path:
        """Write how the client finds and authenticates this cluster."""
        context = {"cluster": "fake", "user": "worker", "namespace": self.namespace}
        file.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "fake",
                    "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
                    "users": [{"name": "worker", "user": {"token": self.token}}],
                    "contexts": [{"name": "fake", "context": context}],
                }
            )
        )
        return file

    def record(self, verb: str, resource: str, name: str, query: dict[str, str]) -> Call:
        with self._lock:
            call = Call(len(self.calls) + 1, verb, resource, name, query)
            self.calls.append(call)
        return call

    def create(self, plural: str, entry: Resource) -> Resource:
        if plural == "pods":
            admit(entry)
            created = self.objects.create(plural, {**entry, "status": {"phase": "Pending", "startTime": moment()}})
            self.kubelet.accept(created)
            return created
        if plural == "persistentvolumeclaims":
            bound = entry["spec"].get("storageClassName") != NEVER_BOUND
            return self.objects.create(plural, {**entry, "status": {"phase": "Bound" if bound else "Pending"}})
        if plural == "configmaps":
            return self.objects.create(plural, entry)
        if plural == "services":
            return self.objects.create(plural, self._with_address(entry))
        raise ApiError(403, "Forbidden", f"{plural} is forbidden")

    def delete(self, plural: str, name: str, options: Resource) -> Resource:
        entry = self.objects.get(plural, name)
        wanted = (options.get("preconditions") or {}).get("uid")
        if wanted and wanted != entry["metadata"]["uid"]:
            raise ApiError(409, "Conflict", f"the UID in the precondition ({wanted}) does not match")
        if plural == "pods":
            self.kubelet.end(entry, float(options.get("gracePeriodSeconds", DEFAULT_GRACE)))
        elif plural == "persistentvolumeclaims":
            self.objects.change(plural, name, entry["metadata"]["uid"], _be_going)
            threading.Thread(target=self._protect, args=(name, entry["metadata"]["uid"]), daemon=True).start()
        else:
            self.objects.remove(plural, name, entry["metadata"]["uid"])
        return entry

    def _protect(self, claim: str, uid: str) -> None:
        """Hold a claim until no pod uses it, and a moment longer."""
        while not self._ended.wait(PROTECTION_SECONDS):
            if not self._is_used(claim):
                self.objects.remove("persistentvolumeclaims", claim, uid)
                return

    def _is_used(self, claim: str) -> bool:
        volumes: list[dict[str, Any]] = [
            volume for pod in self.objects.list("pods") for volume in pod["spec"].get("volumes", [])
        ]
        return claim in [(volume.get("persistentVolumeClaim") or {}).get("claimName") for volume in volumes]

    def _with_address(self, entry: Resource) -> Resource:
        with self._lock:
            self._addresses += 1
            number = self._addresses
        spec = entry["spec"] | {"clusterIP": f"10.96.0.{number}"}
        if spec["type"] != "ClusterIP":
            spec["ports"] = [port | {"nodePort": 30000 + number} for port in spec["ports"]]
        ingress = [{"ip": f"198.51.100.{number}"}] if spec["type"] == "LoadBalancer" and self.load_balancer else []
        return {**entry, "spec": spec, "status": {"loadBalancer": {"ingress": ingress}}}


def _be_going(entry: Resource) -> None:
    entry["metadata"]["deletionTimestamp"] = moment()
