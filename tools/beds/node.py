"""The real node of bed `node`: containerd, kubelet, kube-proxy, a registry and dynamic volumes.

Paths that these programs hard-code (/run/containerd, /var/lib/kubelet, /var/lib/cni, …) are the bed's own,
since its supervisor gave it a private /run and /var; only what is big lives in the bed's folder.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from beds import images, parts, registry
from beds.common import BedError, Json, run, write
from beds.frame import Frame
from beds.toolchain import binary

_SOCKET = "/run/containerd/containerd.sock"
_NAMESPACE = "local-path-storage"
PAUSE = "localhost:5000/pause:3.10"
BUSYBOX = "localhost:5000/busybox:1.35"


def components(bed: Frame) -> dict[str, list[str]]:
    """Commands in the order of their start; kubelet comes after containerd, without whose socket it exits."""
    node = parts.NODE["node"]
    proxy = [
        *(f"--kubeconfig={bed.pki}/proxy.kubeconfig", f"--hostname-override={node}", "--proxy-mode=iptables"),
        *(f"--cluster-cidr={bed.network.pods}", "--healthz-bind-address=127.0.0.1:10256"),
        *("--metrics-bind-address=127.0.0.1:10249", "--conntrack-max-per-core=0"),
        *("--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0"),
    ]
    kubelet = [
        *(f"--config={bed.folder}/kubelet.yaml", f"--kubeconfig={bed.pki}/kubelet.kubeconfig"),
        *(f"--hostname-override={node}", f"--node-ip={bed.network.address}"),
        *("--root-dir=/var/lib/kubelet", "--cert-dir=/var/lib/kubelet/pki"),
    ]
    volumes = [
        *("start", f"--config={bed.folder}/local-path.json", "--service-account-name=local-path"),
        *("--provisioner-name=rancher.io/local-path", f"--namespace={_NAMESPACE}"),
        *("--configmap-name=local-path", f"--helper-image={BUSYBOX}"),
        *(f"--kubeconfig={bed.pki}/local-path.kubeconfig", "--worker-threads=8"),
    ]
    return {
        "registry": ["docker-registry", "serve", f"{bed.folder}/registry.yaml"],
        "containerd": ["containerd", f"--config={bed.folder}/containerd.toml"],
        "kube-scheduler": parts.scheduler(bed),
        "kubelet": [str(binary("kubelet")), *kubelet],
        "kube-proxy": [str(binary("kube-proxy")), *proxy],
        "local-path-provisioner": [str(binary("local-path-provisioner")), *volumes],
    }


def prepare(bed: Frame) -> None:
    """Write the configuration files and make the control group below which all pods live."""
    write(bed.folder / "containerd.toml", _containerd(bed))
    write(bed.folder / "cni" / "10-bridge.conflist", _cni(bed))
    write(bed.folder / "kubelet.yaml", _kubelet(bed))
    write(bed.folder / "resolv.conf", "nameserver 127.0.0.1\n")
    write(bed.folder / "registry.yaml", _registry(bed))
    write(bed.folder / "local-path.json", _paths(bed))
    for folder in ("containerd", "kubelet", "volumes"):
        (bed.folder / folder).mkdir()
    inside = 'mkdir -p /var/lib/kubelet && mount --bind --make-rshared "$1" /var/lib/kubelet'
    run(bed.enter(["sh", "-c", inside, "-", f"{bed.folder}/kubelet"]))
    _make_cgroups(bed)


def cgroup_roots() -> list[Path]:
    """The mounted hierarchies: one on a unified system, one a controller on an older one."""
    lines = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return [Path(words[1]) for words in lines if words[2] in ("cgroup", "cgroup2")]


def _make_cgroups(bed: Frame) -> None:
    """Every hierarchy gets the bed's group; a unified one hands its controllers down, level by level."""
    for top in cgroup_roots():
        level = top
        for part in ["", *bed.cgroup.strip("/").split("/")]:
            level = level / part
            level.mkdir(exist_ok=True)
            control = level / "cgroup.subtree_control"
            if control.exists():
                wanted = (level / "cgroup.controllers").read_text().split()
                control.write_text(" ".join(f"+{name}" for name in wanted))


def furnish(bed: Frame, api: parts.Api) -> None:
    """What must be there before kubelet and provisioner start: their images and objects."""
    init = bed.init()
    bed.wait("containerd", lambda: Path(f"/proc/{init}/root{_SOCKET}").exists())
    bed.wait("the registry", lambda: registry.answers(bed))
    for reference in (PAUSE, BUSYBOX):
        name = reference.removeprefix("localhost:5000/")
        registry.push_from(bed, images.basic(name), name)
    _furnish_volumes(bed, api)


def _furnish_volumes(bed: Frame, api: parts.Api) -> None:
    """The default StorageClass and what its provisioner wants to find."""
    metadata: Json = {"name": "local-path", "namespace": _NAMESPACE}
    core = f"/api/v1/namespaces/{_NAMESPACE}"
    helper = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "helper-pod", "image": BUSYBOX}],
        },
    }
    config = {
        "config.json": json.dumps(_paths(bed)),
        "helperPod.yaml": json.dumps(helper),
        "setup": '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n',
        "teardown": '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n',
    }
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    api.create("/api/v1/namespaces", {"metadata": {"name": _NAMESPACE}})
    api.create(f"{core}/serviceaccounts", {"metadata": metadata})
    api.create(f"{core}/configmaps", {"metadata": metadata, "data": config})
    storage: Json = {"metadata": {"name": "local-path", "annotations": default}}
    storage |= {"provisioner": "rancher.io/local-path", "reclaimPolicy": "Delete"}
    storage["volumeBindingMode"] = "WaitForFirstConsumer"
    api.create("/apis/storage.k8s.io/v1/storageclasses", storage)


def _paths(bed: Frame) -> Json:
    node = "DEFAULT_PATH_FOR_NON_LISTED_NODES"
    return {"nodePathMap": [{"node": node, "paths": [f"{bed.folder}/volumes"]}]}


def _registry(bed: Frame) -> Json:
    """JSON is YAML. Digest deletion is on, so that a test can make an image vanish."""
    storage = {"filesystem": {"rootdirectory": f"{bed.folder}/registry"}, "delete": {"enabled": True}}
    return {
        "version": "0.1",
        "storage": storage,
        "http": {"addr": "127.0.0.1:5000"},
        "log": {"level": "warn"},
    }


def _cni(bed: Frame) -> Json:
    ranges = {
        "type": "host-local",
        "ranges": [[{"subnet": bed.network.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    ranges["dataDir"] = "/run/ipam"
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "hairpinMode": True}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{**bridge, "ipam": ranges}, ports]}


def _kubelet(bed: Frame) -> Json:
    """imageGC is off: an image may be gone from the registry on purpose, and a pull again would fail."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": bed.cgroup,
        "enforceNodeAllocatable": ["pods"],
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "containerRuntimeEndpoint": f"unix://{_SOCKET}",
        "imageServiceEndpoint": f"unix://{_SOCKET}",
        "podLogsDir": "/var/log/pods",
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
        "resolvConf": f"{bed.folder}/resolv.conf",
        "clusterDomain": "cluster.local",
        "clusterDNS": ["10.96.0.10"],
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{bed.pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{bed.pki}/kubelet.crt",
        "tlsPrivateKeyFile": f"{bed.pki}/kubelet.key",
        "rotateCertificates": False,
        "healthzBindAddress": "127.0.0.1",
        "readOnlyPort": 0,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "imageMinimumGCAge": "24h",
        "imageMaximumGCAge": "0s",
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "evictionPressureTransitionPeriod": "30s",
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
        "registryPullQPS": 0,
        "serializeImagePulls": False,
        "maxPods": 110,
    }


def _containerd(bed: Frame) -> str:
    """restrict_oom_score_adj: without CAP_SYS_RESOURCE every sandbox would die of lowering its score."""
    plugin = '[plugins."io.containerd.grpc.v1.cri"'
    unused = ["devmapper", "btrfs", "zfs", "aufs"]
    disabled = [f"io.containerd.snapshotter.v1.{name}" for name in unused]
    disabled += ["io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
    cni = shutil.which("bridge", path="/usr/lib/cni:/opt/cni/bin", mode=os.F_OK)
    if not cni:
        raise BedError("no CNI plugins in /usr/lib/cni")
    return f"""version = 2
root = "{bed.folder}/containerd"
state = "/run/containerd"
disabled_plugins = {json.dumps(disabled)}
[grpc]
  address = "{_SOCKET}"
{plugin}]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  {plugin}.cni]
    bin_dir = "{Path(cni).parent}"
    conf_dir = "{bed.folder}/cni"
  {plugin}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    {plugin}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      {plugin}.containerd.runtimes.runc.options]
        SystemdCgroup = false
[plugins."io.containerd.internal.v1.opt"]
  path = "{bed.folder}/containerd-opt"
"""
