"""The command line: `tools/bed --help`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from beds import toolchain
from beds.bed import Bed, everything
from beds.common import BedError, Json, cache, say

_ABOUT = """Disposable Kubernetes clusters for tests, from package registries only.

kinds:  api    etcd, API server, controller manager
        sim    api, and a simulated node whose pods behave as a test asks (tools/README.md)
        node   api, and a real node: scheduler, kubelet, containerd, registry, dynamic volumes"""


def _show(answer: Json | list[Json], as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer, indent=1))
        return
    for bed in answer if isinstance(answer, list) else [answer]:
        print(f"{bed['name']:20} {bed.get('kind', '-'):5} {bed['state']:10} {bed.get('kubeconfig', '')}")
        for name, state in bed.get("components", {}).items():
            if state != "running":
                print(f"  {name}: {state}")


def _existing(name: str) -> Bed:
    bed = Bed(name)
    if not bed.record:
        raise BedError(f"there is no bed {name!r}")
    return bed


def _build(args: argparse.Namespace) -> None:
    if args.kind in ("helm", "all"):
        toolchain.build_helm()
    if args.kind != "helm":
        toolchain.build("node" if args.kind == "all" else args.kind)
    say(f"toolchain is ready; kubectl is {cache() / 'bin' / 'kubectl'}")


def _up(args: argparse.Namespace) -> None:
    bed = Bed(args.name)
    bed.up(args.kind)
    if args.output == "json":
        _show(bed.status(), True)
    else:
        print(bed.kubeconfig)


def _down(args: argparse.Namespace) -> None:
    if args.all == bool(args.names):
        raise BedError("name the beds to take down, or say --all")
    beds = everything() if args.all else [Bed(name) for name in args.names]
    with ThreadPoolExecutor(8) as pool:
        for bed, existed in zip(beds, pool.map(Bed.down, beds), strict=True):
            say(f"bed {bed.name} is down" if existed else f"there was no bed {bed.name}")


def _status(args: argparse.Namespace) -> None:
    beds = [_existing(name) for name in args.names] if args.names else everything()
    _show([bed.status() for bed in beds], args.output == "json")


def _kubectl(args: argparse.Namespace) -> None:
    bed = _existing(args.name)
    words = ["kubectl", f"--kubeconfig={bed.kubeconfig}", *_after_dashes(args.words)]
    os.execv(toolchain.binary("kubectl"), words)  # noqa: S606 - become it


def _exec(args: argparse.Namespace) -> None:
    command = _existing(args.name).enter(_after_dashes(args.words) or ["sh"])
    os.execvp(command[0], command)  # noqa: S606 - become it


def _after_dashes(words: list[str]) -> list[str]:
    return words[1:] if words[:1] == ["--"] else words


def _restart(args: argparse.Namespace) -> None:
    bed = _existing(args.name)
    with bed.locked():
        bed.restart(args.component, args.kill)


def _stop(args: argparse.Namespace) -> None:
    bed = _existing(args.name)
    with bed.locked():
        bed.stop(args.component, args.kill)


def _push(args: argparse.Namespace) -> None:
    from beds import registry

    bed = _existing(args.name)
    for image in args.images:
        print(registry.push(bed, image))


def _images(args: argparse.Namespace) -> None:
    from beds import images

    for image in images.build(args.images):
        print(image)


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("bed", description=_ABOUT, formatter_class=raw)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, does: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(does=does)
        return made

    build = command("build", _build, "build and install the toolchain into the cache")
    choices = [*toolchain.KINDS, "helm", "all"]
    build.add_argument("--for", dest="kind", choices=choices, default="all", help="for what")
    up = command("up", _up, "bring a bed up (or find it up) and print its kubeconfig")
    up.add_argument("kind", choices=toolchain.KINDS)
    up.add_argument("--name", help="default: the kind")
    up.add_argument("-o", "--output", choices=["json"])
    down = command("down", _down, "take beds down; nothing of them stays")
    down.add_argument("names", nargs="*", metavar="NAME")
    down.add_argument("--all", action="store_true")
    status = command("status", _status, "what beds there are and how they do")
    status.add_argument("names", nargs="*", metavar="NAME")
    status.add_argument("-o", "--output", choices=["json"])
    kubeconfig = command("kubeconfig", lambda a: print(_existing(a.name).kubeconfig), "path of kubeconfig")
    kubeconfig.add_argument("name")
    audit = command("audit", lambda a: print(_existing(a.name).audit), "path of the API server's audit log")
    audit.add_argument("name")
    kubectl = command("kubectl", _kubectl, "run kubectl against a bed: bed kubectl NAME -- get pods")
    shell = command("exec", _exec, "run a command inside a bed's namespaces: bed exec NAME -- ss -lnt")
    for made in (kubectl, shell):
        made.add_argument("name")
        made.add_argument("words", nargs=argparse.REMAINDER, metavar="…")
    stop = command("stop", _stop, "stop one component of a bed until it is restarted")
    restart = command("restart", _restart, "restart one component of a bed (see `status -o json`)")
    for made in (stop, restart):
        made.add_argument("name")
        made.add_argument("component")
        made.add_argument("--kill", action="store_true", help="end it by SIGKILL, as a crash would")
    push = command("push", _push, "push images to a node bed's registry; prints name@digest")
    push.add_argument("name")
    push.add_argument("images", nargs="+", metavar="IMAGE", help="NAME:TAG of a built image, or an archive")
    images = commands.add_parser("images", help="images without a container engine")
    inner = images.add_subparsers(required=True, metavar="COMMAND")
    built = inner.add_parser("build", help="build images from their Dockerfiles; prints their names")
    built.add_argument("images", nargs="*", metavar="IMAGE", help="default: all")
    built.set_defaults(does=_images)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what a person has to know goes to stderr, the answer to stdout."""
    args = _parser().parse_args(arguments)
    if getattr(args, "name", "") is None:
        args.name = args.kind
    try:
        args.does(args)
    except BedError as problem:
        print(f"bed: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
