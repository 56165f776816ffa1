"""A Kubernetes API server for tests, over HTTP: objects, watches and logs as the real one has them, and a kubelet.

    with FakeCluster() as cluster:
        cluster.write_kubeconfig(file)                           # the real client finds it by KUBECONFIG
        cluster.lives["prepare"] = lives.out_of_memory           # what happens to pods of that step
        cluster.faults.plan(Fault.ANSWER_503, when=lambda call: call.number % 3 == 0, times=1000)
        cluster.faults.away(seconds=2)                           # no call is answered

Without a script a pod's command is run on this host, its workspace a folder of the cluster's.
"""

from tests.kubernetes_api.cluster import FakeCluster
from tests.kubernetes_api.faults import Call, Fault

__all__ = ["Call", "FakeCluster", "Fault"]
