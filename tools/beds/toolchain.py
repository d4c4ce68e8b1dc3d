"""The binaries of a bed, built from Go modules and Debian packages into the cache, once.

Every result lies in a folder named by a hash of its pinned inputs and appears there by an atomic rename:
that it exists means that it is whole, a second run does nothing, and a changed pin never meets an old
result. The machine's own settings decide where packages come from; none is named here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from beds.common import TOOLS, BedError, cache, lock, run, say, step, write

KUBERNETES = "v1.35.3"
KINDS = ("api", "sim", "node")
_MINIMUM_GO = (1, 26)
_ETCD = ("3.5.16-4", "0875921bb0d023f2af9b8e15cdfbe417a03e65731345fb832c40f9c2dd72967b")


@dataclass(frozen=True)
class GoTool:
    """One folder of tools/go: each has its own go.mod, for their dependencies would bend each other's.

    `sources` are files of ours in the folder that the binaries are made of.
    """

    folder: str
    binaries: dict[str, str]
    stamp: dict[str, str]
    sources: tuple[str, ...] = ()

    @property
    def directory(self) -> Path:
        digest = hashlib.sha256(repr(sorted(self.stamp.items())).encode())
        for file in ("go.mod", "go.sum", *self.sources):
            digest.update((TOOLS / "go" / self.folder / file).read_bytes())
        return cache() / "tools" / f"{self.folder}-{digest.hexdigest()[:12]}"

    def build(self, names: list[str]) -> None:
        with lock(cache() / "locks" / f"build-{self.folder}"):
            missing = [name for name in names if not (self.directory / name).exists()]
            if missing:
                _require_go()
                with step(f"building {', '.join(missing)}"):
                    self._compile(missing)

    def _compile(self, names: list[str]) -> None:
        flags = " ".join(["-s -w", *(f"-X {key}={value}" for key, value in self.stamp.items())])
        environment = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
        environment["GOFLAGS"] = "-mod=readonly -trimpath -buildvcs=false"
        self.directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.directory) as scratch:
            packages = [self.binaries[name] for name in names]
            command = ["go", "build", "-ldflags", flags, "-o", f"{scratch}/", *packages]
            run(command, env=environment, cwd=TOOLS / "go" / self.folder)
            for package, name in zip(packages, names, strict=True):
                (Path(scratch) / package.rsplit("/", 1)[-1]).replace(self.directory / name)


def _kubernetes_stamp() -> dict[str, str]:
    """Unstamped binaries call themselves v0.0.0-master, which Helm's kubeVersion check refuses."""
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    facts = {"gitVersion": KUBERNETES, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    facts |= {"gitCommit": "unknown", "buildDate": "1970-01-01T00:00:00Z"}
    places = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return {f"{place}.{key}": value for place in places for key, value in facts.items()}


_COMMANDS = [
    "kube-apiserver",
    "kube-controller-manager",
    "kubectl",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
]
KUBERNETES_TOOL = GoTool(
    "kubernetes", {name: f"k8s.io/kubernetes/cmd/{name}" for name in _COMMANDS}, _kubernetes_stamp()
)
LOCAL_PATH = GoTool(
    "local-path-provisioner",
    {"local-path-provisioner": "github.com/rancher/local-path-provisioner"},
    {"main.VERSION": "v0.0.30"},
)
HELM4 = GoTool(
    "helm4", {"helm4": "helm.sh/helm/v4/cmd/helm"}, {"helm.sh/helm/v4/internal/version.version": "v4.3.1"}
)
KSTATUS = GoTool("helm4", {"kstatus": "./kstatus"}, {}, ("kstatus/main.go",))
HELM3 = GoTool(
    "helm3", {"helm3": "helm.sh/helm/v3/cmd/helm"}, {"helm.sh/helm/v3/internal/version.version": "v3.22.0"}
)
_DEBIAN = {
    "api": ["iproute2", "openssl", "util-linux"],
    "node": [
        *("containerd", "runc", "containernetworking-plugins", "iptables"),
        *("busybox-static", "docker-registry", "mmdebstrap", "buildah"),
    ],
}
_DEBIAN["sim"] = _DEBIAN["api"]


def _require_go() -> None:
    needed = ".".join(map(str, _MINIMUM_GO))
    if not shutil.which("go"):
        raise BedError(f"Go {needed} or newer is needed to build the toolchain, and there is no `go` on PATH")
    version = run(["go", "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"}).strip()
    found = re.match(r"go(\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < _MINIMUM_GO:
        raise BedError(f"Go {needed} or newer is needed to build the toolchain; `go` is {version}")


def _install(packages: list[str]) -> None:
    """Install what Debian packages are missing; apt checks the archive's signature and hashes."""
    listed = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"])
    present = {line.split()[0] for line in listed.splitlines() if line.endswith(" installed")}
    missing = [name for name in packages if name not in present]
    if not missing:
        return
    with lock(cache() / "locks" / "apt"), step(f"installing Debian packages {' '.join(missing)}"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "update"], env=quiet)
        options = ["-q", "-y", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends"]
        run(["apt-get", "install", *options, *missing], env=quiet)


def debian_mirror() -> str:
    """Where this machine gets Debian packages from, by its own configuration."""
    for file in sorted(Path("/etc/apt").glob("sources.list*/*.sources")):
        if found := re.search(r"^URIs:\s*(\S+)", file.read_text(), re.MULTILINE):
            return found[1]
    for file in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt").glob("sources.list.d/*.list"))]:
        if file.exists():
            found = re.search(r"^deb\s+(?:\[.*?\]\s+)?(\S+)", file.read_text(), re.MULTILINE)
            if found:
                return found[1]
    raise BedError("no Debian mirror in /etc/apt: the beds need a Debian machine")


def debian_source(suite: str) -> str:
    """An apt source line of a suite of the machine's mirror, checked by Debian's own keys."""
    return f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {debian_mirror()} {suite} main"


def etcd() -> Path:
    """etcd 3.5 of Debian trixie, unpacked only: bookworm's 3.4 is below what Kubernetes asks for."""
    return cache() / "tools" / f"etcd-{_ETCD[0]}" / "etcd"


def _build_etcd() -> None:
    with lock(cache() / "locks" / "build-etcd"):
        if etcd().exists():
            return
        etcd().parent.mkdir(parents=True, exist_ok=True)
        with step("installing etcd"), tempfile.TemporaryDirectory(dir=etcd().parent) as scratch:
            package = _download_etcd(Path(scratch))
            digest = hashlib.sha256(package.read_bytes()).hexdigest()
            offered = run(["dpkg-deb", "-f", package, "Version"]).strip()
            if offered != _ETCD[0]:
                say(
                    f"note: the archive has etcd {offered} (signed by Debian) instead of the pinned {_ETCD[0]}"
                )
            elif digest != _ETCD[1]:
                raise BedError(f"etcd {offered} has SHA-256 {digest}, not the pinned one")
            run(["dpkg", "-x", package, f"{scratch}/root"])
            (Path(scratch) / "root/usr/bin/etcd").replace(etcd())


def _download_etcd(scratch: Path) -> Path:
    for folder in ("state/lists/partial", "cache/archives/partial", "etc"):
        (scratch / folder).mkdir(parents=True)
    (scratch / "status").touch()
    (scratch / "sources.list").write_text(debian_source("trixie") + "\n")
    settings = {
        "Dir::State": f"{scratch}/state",
        "Dir::State::status": f"{scratch}/status",
        "Dir::Cache": f"{scratch}/cache",
        "Dir::Etc::sourcelist": f"{scratch}/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "APT::Sandbox::User": "root",
    }
    write(scratch / "apt.conf", "".join(f'{key} "{value}";\n' for key, value in settings.items()))
    for words in (["update"], ["download", "etcd-server"]):
        run(["apt-get", "-qq", *words], env={"APT_CONFIG": f"{scratch}/apt.conf"}, cwd=scratch)
    return next(scratch.glob("etcd-server_*.deb"))


def binary(name: str) -> Path:
    """The path of a built binary."""
    if name == "etcd":
        return etcd()
    for tool in (KUBERNETES_TOOL, LOCAL_PATH, HELM4, HELM3, KSTATUS):
        if name in tool.binaries:
            return tool.directory / name
    raise KeyError(name)


def _link(*names: str) -> None:
    """Stable paths for people and CI: <cache>/bin/kubectl and so on."""
    folder = cache() / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        for shown in (name, *(["helm"] if name == "helm4" else [])):
            link = folder / f".{shown}.{os.getpid()}"
            link.unlink(missing_ok=True)
            link.symlink_to(binary(name))
            link.replace(folder / shown)


def build(kind: str) -> None:
    """Make everything that beds of a kind need; costs some milliseconds when it is there."""
    _install(_DEBIAN[kind] + (_DEBIAN["api"] if kind == "node" else []))
    _build_etcd()
    KUBERNETES_TOOL.build(_COMMANDS[:3])
    _link("kubectl")
    if kind == "node":
        KUBERNETES_TOOL.build(_COMMANDS[3:])
        LOCAL_PATH.build(["local-path-provisioner"])


def build_helm() -> None:
    """Helm 3 and 4, for those who install the chart, and what tools that wait say of an object."""
    HELM4.build(["helm4"])
    HELM3.build(["helm3"])
    KSTATUS.build(["kstatus"])
    _link("helm4", "helm3", "kstatus")
