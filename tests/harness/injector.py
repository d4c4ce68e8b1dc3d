"""An injector of sidecars, as service meshes have one: a webhook that puts a container before ours into new pods."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from tests.harness.cluster import Cluster

JsonObject = dict[str, Any]
NAME = "istio-proxy"
_PROBE = {"containers": [{"name": "scenario", "image": "registry.test/canary:1"}]}


@contextmanager
def injector(
    cluster: Cluster, folder: Path, container: Mapping[str, Any], *, spares: Mapping[str, str]
) -> Iterator[None]:
    """Put a container first into every new pod of the namespace but those with one of these labels.

    `folder` is for its certificate.
    """
    host = _our_address(cluster)
    server = _Server(("0.0.0.0", 0), _handler(container))  # noqa: S104 (only a bed's own link leads here)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_certificate(folder, host))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    authority = base64.b64encode((folder / "injector.crt").read_bytes()).decode()
    name = f"{cluster.namespace}-injector"
    spared = [{"key": key, "operator": "NotIn", "values": [value]} for key, value in spares.items()]
    hook = {
        "name": "sidecars.vendor.example",
        "clientConfig": {"url": f"https://{host}:{server.server_port}/inject", "caBundle": authority},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": cluster.namespace}},
        "objectSelector": {"matchExpressions": spared},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    kind = "MutatingWebhookConfiguration"
    metadata = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}}
    cluster.apply({**metadata, "webhooks": [hook]})
    try:
        cluster.until("the injector to be in force", lambda: NAME in _dry_run(cluster))
        yield
    finally:
        cluster.delete(kind, name)
        server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


def _handler(container: Mapping[str, Any]) -> type[BaseHTTPRequestHandler]:
    patch = [{"op": "add", "path": "/spec/containers/0", "value": {"name": NAME, **container}}]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {
                "uid": asked["request"]["uid"],
                "allowed": True,
                "patchType": "JSONPatch",
                "patch": base64.b64encode(json.dumps(patch).encode()).decode(),
            }
            body = json.dumps({**asked, "response": answer, "request": None}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _dry_run(cluster: Cluster) -> str:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "canary"}, "spec": _PROBE}
    return cluster.kubectl(
        "create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(pod), check=False
    )


def _our_address(cluster: Cluster) -> str:
    """Return the address under which the bed's API server reaches this process."""
    server = cluster.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    there = urlsplit(server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect((there.hostname, there.port))
        return str(link.getsockname()[0])


def _certificate(folder: Path, host: str) -> tuple[Path, Path]:
    certificate, key = folder / "injector.crt", folder / "injector.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=injector", "-addext", f"subjectAltName=IP:{host}"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
