"""The components of a bed: which processes with which arguments, and when each of them is ready."""

from __future__ import annotations

import json
import ssl
import sys
import urllib.error
import urllib.request

from beds.common import TOOLS, Json, write
from beds.frame import Frame
from beds.network import SERVICES
from beds.toolchain import binary

NODE = {"sim": "sim-0", "node": "node-0", "api": "node-0"}
_ETCD_URL = "http://127.0.0.1:2379"
_CONTROLLERS = (
    *("garbage-collector-controller", "job-controller", "namespace-controller", "resourcequota-controller"),
    *("persistentvolumeclaim-protection-controller", "root-ca-certificate-publisher-controller"),
    *("serviceaccount-controller", "statefulset-controller", "validatingadmissionpolicy-status-controller"),
)
"""What a bed `sim` needs; each of the other controllers costs processor time although it has nothing to do.

The simulated kubelet binds claims itself: the controller that does it elsewhere asks for every volume again and again.
"""


class Api:
    """The smallest client of a bed's API server: JSON over the admin certificate."""

    def __init__(self, bed: Frame) -> None:
        self._base = f"https://{bed.network.address}:6443"
        self._context = ssl.create_default_context(cafile=str(bed.pki / "ca.crt"))
        self._context.load_cert_chain(bed.pki / "admin.crt", bed.pki / "admin.key")

    def call(self, method: str, path: str, body: Json | None = None) -> tuple[int, str]:
        """Answer (status, text); status 0 means that nobody answered."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json", "User-Agent": "bed"}
        request = urllib.request.Request(self._base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30, context=self._context) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode(errors="replace")
        except OSError:
            return 0, ""

    def ready(self) -> bool:
        return self.call("GET", "/readyz") == (200, "ok")

    def exists(self, path: str) -> bool:
        return self.call("GET", path)[0] == 200

    def node_ready(self, name: str) -> bool:
        status, text = self.call("GET", f"/api/v1/nodes/{name}")
        conditions = json.loads(text)["status"].get("conditions", []) if status == 200 else []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def create(self, path: str, body: Json) -> None:
        """POST; an object that exists already is as good."""
        status, text = self.call("POST", path, body)
        if status not in (200, 201, 409):
            raise RuntimeError(f"POST {path}: {status} {text[:500]}")


def etcd(bed: Frame) -> list[str]:
    peer = "http://127.0.0.1:2380"
    return [
        str(binary("etcd")),
        *("--name=bed", f"--data-dir={bed.folder}/etcd", f"--initial-cluster=bed={peer}"),
        *(f"--listen-client-urls={_ETCD_URL}", f"--advertise-client-urls={_ETCD_URL}"),
        *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
        *("--logger=zap", "--log-level=warn", "--unsafe-no-fsync", "--quota-backend-bytes=8589934592"),
        *("--backend-batch-interval=1s", "--heartbeat-interval=1000", "--election-timeout=10000"),
    ]


def apiserver(bed: Frame) -> list[str]:
    """Default admission (with PodSecurity and ValidatingAdmissionPolicy) and an audit log to count by."""
    pki = bed.pki
    policy: Json = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata"}],
    }
    write(bed.folder / "audit-policy.yaml", policy)
    return [
        str(binary("kube-apiserver")),
        *(f"--advertise-address={bed.network.address}", "--bind-address=0.0.0.0", "--secure-port=6443"),
        *(f"--etcd-servers={_ETCD_URL}", f"--service-cluster-ip-range={SERVICES}"),
        *(f"--client-ca-file={pki}/ca.crt", f"--tls-cert-file={pki}/apiserver.crt"),
        f"--tls-private-key-file={pki}/apiserver.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        *("--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction"),
        *("--allow-privileged=true", "--profiling=false"),
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={pki}/ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-proxy.crt",
        f"--proxy-client-key-file={pki}/front-proxy.key",
        *(f"--audit-log-path={bed.audit}", f"--audit-policy-file={bed.folder}/audit-policy.yaml"),
        *("--audit-log-maxsize=100000", "--audit-log-format=json"),
    ]


def controller_manager(bed: Frame) -> list[str]:
    """Default client limits (20/s) would bound every wave of StatefulSets: 2.8 a second instead of 39."""
    chosen = [f"--controllers={','.join(_CONTROLLERS)}"] if bed.kind == "sim" else []
    return [
        str(binary("kube-controller-manager")),
        *chosen,
        *_client(bed, "kcm"),
        f"--service-account-private-key-file={bed.pki}/sa.key",
        f"--root-ca-file={bed.pki}/ca.crt",
        f"--cluster-signing-cert-file={bed.pki}/ca.crt",
        f"--cluster-signing-key-file={bed.pki}/ca.key",
        "--use-service-account-credentials=true",
        *("--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-statefulset-syncs=20"),
    ]


def scheduler(bed: Frame) -> list[str]:
    return [str(binary("kube-scheduler")), *_client(bed, "scheduler")]


def _client(bed: Frame, user: str) -> list[str]:
    file = f"{bed.pki}/{user}.kubeconfig"
    names = ("--kubeconfig", "--authentication-kubeconfig", "--authorization-kubeconfig")
    rest = ("--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false")
    return [*(f"{name}={file}" for name in names), *rest]


def simkubelet(bed: Frame) -> list[str]:
    module = ["env", f"PYTHONPATH={TOOLS}", sys.executable, "-B", "-m", "beds.simkubelet"]
    return [*module, f"{bed.pki}/simkubelet.kubeconfig", NODE["sim"]]
