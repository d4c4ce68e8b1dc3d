"""The whole demo: the first act makes the place, the play is performed in it, the last act leaves it to the reader."""

from __future__ import annotations

import os
import sys

from demo import place as places
from demo.place import NAME, OPERATOR, ROOT, DemoError, Place
from demo.play import MANIFESTS, WATCH, Play
from demo.screen import Screen


def prepare(screen: Screen) -> Place:
    """Act one: a cluster with the operator in it, and an empty namespace."""
    screen.act(1, "a cluster and the operator", "From the packages on this machine to a ready operator.")
    place = places.given()
    settings = [
        f"image.repository={os.environ.get('SCENARIO_REGISTRY', 'localhost:5000')}/{OPERATOR}",
        "image.tag=dev",
    ]
    if place is None:
        place, settings = _own_cluster(screen)
    screen.command(f"kubectl delete namespace {NAME} --ignore-not-found; kubectl create namespace {NAME}")
    with screen.doing("namespace ready"):
        places.claim(place)
    command = ["helm", "upgrade", "--install", OPERATOR, "charts/scenario-operator", "--namespace", OPERATOR]
    command += ["--create-namespace", "--wait", "--timeout", "180s", "--set", ",".join(settings)]
    screen.command(" ".join(command))
    with screen.doing("two replicas of the operator ready, as Helm waits for them"):
        place.run(*command[:4], str(ROOT / command[4]), *command[5:])
    return place


def _own_cluster(screen: Screen) -> tuple[Place, list[str]]:
    with screen.doing("toolchain (the first time takes minutes; then it is in the cache)"):
        places.toolchain()
    with screen.doing("cluster up: etcd, API server, scheduler, kubelet, containerd, registry"):
        place = places.made()
    with screen.doing("images of the operator and of three versions of the example built"):
        places.build_images()
    with screen.doing("images pushed to the cluster's registry"):
        pushed = places.push_images()
    digest = pushed["scenario-operator:dev"].partition("@")[2]
    return place, [f"image.repository={place.registry}/{OPERATOR}", f"image.digest={digest}"]


def what_next(screen: Screen, place: Place) -> None:
    """Leave the reader with something to do."""
    screen.act(7, "what to try next", "The cluster stays up.")
    if place.bed:
        screen.command(f'export KUBECONFIG={place.kubeconfig} PATH="{place.tools}:$PATH"')
    for line in (
        f"kubectl -n {NAME} exec live-all-2-0 -- python3 -m quake_watch show",
        f"kubectl -n {NAME} describe supg {WATCH}-2                 # plan, consent, outcome and loss",
        f"kubectl -n {NAME} delete scenario {WATCH}                 # refused: it is in use",
        f"kubectl -n {NAME} apply -f {MANIFESTS}/scenario-v1.yaml   # an older version: the runs stay, and say why",
        f'kubectl -n {NAME} patch srun quakes-all --type=merge -p \'{{"spec":{{"desiredState":"Stopped"}}}}\'',
    ):
        screen.command(line)
    if place.bed:
        screen.command("unset KUBECONFIG; make demo-down")
    else:
        screen.command(f"kubectl delete namespace {NAME}; helm -n {OPERATOR} uninstall {OPERATOR}")


def main() -> int:
    """Entry point."""
    screen = Screen()
    place: Place | None = None
    try:
        place = prepare(screen)
        play = Play(screen, place)
        play.first_start()
        play.in_place()
        play.forward_only()
        play.continuation()
        play.final()
        what_next(screen, place)
    except DemoError as error:
        screen.bad(str(error), place.story() if place else "no cluster yet")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the cluster stays up until: make demo-down\n")
        return 130
    screen.console.print(f"\n[bold green]All as promised, in {screen.elapsed:.0f} s.[/bold green]")
    return 0
