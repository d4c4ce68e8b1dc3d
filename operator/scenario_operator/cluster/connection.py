"""Where the API server is and who we are: found once here, for our own client and for kopf alike.

kopf has login code of its own, but two readers of one kubeconfig can disagree about which cluster it names.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kubernetes.aio import config
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException

from scenario_operator.cluster.client import connect
from scenario_operator.cluster.errors import Terminal


class Login(NamedTuple):
    """What another HTTP client needs to speak to the same server as us; `token` is without its scheme."""

    server: str
    ca_path: str | None
    insecure: bool
    certificate_path: str | None
    private_key_path: str | None
    token: str | None


class Connection(NamedTuple):
    """An API server and the pool of connections to it, from which all clients of this process are made."""

    configuration: Configuration
    pool: ApiClient

    async def login(self) -> Login:
        """Return the same connection as plain values, with the newest token."""
        ours = self.configuration
        header: Any = await ours.get_api_key_with_prefix("BearerToken", alias="authorization")
        token = str(header).rpartition(" ")[2] if header else None
        return Login(
            server=str(ours.host),
            ca_path=ours.ssl_ca_cert,
            insecure=not ours.verify_ssl,
            certificate_path=ours.cert_file,
            private_key_path=ours.key_file,
            token=token.strip() if token else None,
        )


async def load(kubeconfig: Path | None = None, context: str | None = None) -> Configuration:
    """Read a kubeconfig when one is named, else the service account of this pod, else the default kubeconfig.

    Raises `Terminal("NoCluster")` with the next thing to try.
    """
    configuration: Configuration = Configuration()
    try:
        if kubeconfig is None and context is None:
            try:
                config.load_incluster_config(client_configuration=configuration)
            except ConfigException:
                await config.load_kube_config(client_configuration=configuration)
        else:
            await config.load_kube_config(
                config_file=None if kubeconfig is None else str(kubeconfig),
                context=context,
                client_configuration=configuration,
            )
    except (ConfigException, OSError, ValueError) as error:
        raise Terminal(
            "NoCluster",
            f"cannot find an API server: {error}; run inside a cluster, or pass --kubeconfig",
        ) from error
    # The default looks for proxies and netrc files on every request, which nearly triples its CPU cost.
    configuration.client_session_kwargs = {"trust_env": False}
    configuration.retries = None
    return configuration


@asynccontextmanager
async def open_connection(
    kubeconfig: Path | None = None, context: str | None = None, *, version: str
) -> AsyncIterator[Connection]:
    """Find the API server (`load`) and open the pool of connections to it; raises `Terminal("NoCluster")`."""
    configuration = await load(kubeconfig, context)
    async with connect(configuration, version=version) as pool:
        yield Connection(configuration, pool)
