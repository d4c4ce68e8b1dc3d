"""Certificates of one bed: its own authority, so that no kubeconfig opens another bed by mistake."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from beds.common import Json, run, write

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"]
_AUTHORITY_KEY = ["-newkey", "rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:3", "-nodes", "-days", "3650"]
"""RSA with its smallest exponent is the cheapest to verify: the API server verifies a signature for each request."""
_USERS = {
    "admin": "/O=system:masters/CN=admin",
    "kcm": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "proxy": "/CN=system:kube-proxy",
    "simkubelet": "/O=system:masters/CN=simkubelet",
    "local-path": "/O=system:masters/CN=local-path-provisioner",
    "apiserver-kubelet": "/O=system:masters/CN=kube-apiserver-kubelet-client",
    "front-proxy": "/CN=front-proxy-client",
}


def _issue(folder: Path, name: str, subject: str, usage: str, names: str = "") -> None:
    extensions = ["basicConstraints=critical,CA:FALSE", f"extendedKeyUsage={usage}"]
    extensions += [f"subjectAltName={names}"] if names else []
    words = [word for extension in extensions for word in ("-addext", extension)]
    words += ["-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key"]
    words += ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt"]
    run(["openssl", "req", "-x509", *_KEY, "-subj", subject, *words])


def _kubeconfig(folder: Path, user: str, server: str) -> None:
    def encoded(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()

    content: Json = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bed",
        "clusters": [
            {"name": "bed", "cluster": {"server": server, "certificate-authority-data": encoded("ca.crt")}}
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": encoded(f"{user}.crt"),
                    "client-key-data": encoded(f"{user}.key"),
                },
            }
        ],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": user}}],
    }
    write(folder / f"{user}.kubeconfig", content, 0o600)


def create(folder: Path, address: str, node: str) -> None:
    """Make every key, certificate and kubeconfig of a bed whose API server listens on `address`."""
    folder.mkdir(parents=True)
    authority = ["-subj", "/CN=bed-ca", "-addext", "keyUsage=critical,keyCertSign"]
    files = ["-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt"]
    run(["openssl", "req", "-x509", *_AUTHORITY_KEY, *authority, *files])
    run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "sa.key"])
    run(["openssl", "ec", "-in", folder / "sa.key", "-pubout", "-out", folder / "sa.pub"])
    service = "kubernetes.default.svc"
    api_names = ["kubernetes", "kubernetes.default", service, f"{service}.cluster.local", "localhost"]
    api = ",".join([*(f"DNS:{name}" for name in api_names), f"IP:{address}", "IP:127.0.0.1", "IP:10.96.0.1"])
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(_issue, folder, user, who, "clientAuth") for user, who in _USERS.items()]
        jobs.append(pool.submit(_issue, folder, "apiserver", "/CN=kube-apiserver", "serverAuth", api))
        kubelet = f"/O=system:nodes/CN=system:node:{node}"
        usage = "clientAuth,serverAuth"
        jobs.append(
            pool.submit(_issue, folder, "kubelet", kubelet, usage, f"DNS:{node},IP:{address},IP:127.0.0.1")
        )
        for job in jobs:
            job.result()
    for user in [*_USERS, "kubelet"]:
        _kubeconfig(folder, user, f"https://{address}:6443")
