"""A terminal in which the story of a page is played again, and held against what the page shows."""

from __future__ import annotations

import difflib
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from docs.transcript import Act, Command, Edit, File, Normaliser, Said
from tests.harness import cluster as harness
from tests.harness.cluster import Cluster

SHOWN_NAMESPACE = "default"
"""The namespace of pages; a test plays in one of its own."""
SHOWN_TIMEOUT = "--timeout=60s"
"""How long a reader waits; a test, beside other work, is more patient."""
PATIENCE_SECONDS = 120.0
"""How long a command that only reads is typed again until it shows what the page shows: the page awaits one object, and
what it looks at next may follow a moment later."""


class Terminal:
    """A shell in a folder of its own, whose kubectl is in the namespace of a test."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._namespace, self._folder = cluster.namespace, folder
        shutil.copy(cluster.kubeconfig, folder / "kubeconfig")
        path = f"{Path(harness.kubectl()).parent}:{os.environ['PATH']}"
        self._environment = {**os.environ, "KUBECONFIG": str(folder / "kubeconfig"), "PATH": path}
        self.type(f"kubectl config set-context --current --namespace={self._namespace}")

    def play(self, acts: Sequence[Act], patience: float = PATIENCE_SECONDS) -> tuple[list[Said], list[str]]:
        """Do what a page tells; return what was typed and printed, and how that differs from what the page shows."""
        page, here = Normaliser(), Normaliser()
        said: list[Said] = []
        differences: list[str] = []
        saved: File | None = None
        for act in acts:
            if isinstance(act, Command):
                command = here.spell(page.text(act.command))
                shown = page.lines(act.printed)
                printed = self._until_shown(command, shown, here, patience)
                differences += _difference(act, shown, here.lines(printed))
                said.append(Said(command, printed))
                continue
            if isinstance(act, Edit):
                assert saved is not None, f"line {act.line} edits a file that nobody has saved"
                act = saved._replace(text=act.applied(saved.text))
            saved = act
            (self._folder / saved.name).write_text(saved.text, encoding="utf-8")
        return said, differences

    def type(self, command: str) -> tuple[str, ...]:
        """Run one command as a person does, and return the lines that the terminal shows."""
        typed = command.replace(f"-n {SHOWN_NAMESPACE} ", f"-n {self._namespace} ")
        typed = typed.replace(SHOWN_TIMEOUT, harness.PATIENCE)
        done = subprocess.run(
            ["bash", "-c", typed],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert not done.returncode, f"$ {typed}\n{done.stdout}"
        return tuple(done.stdout.replace(self._namespace, SHOWN_NAMESPACE).splitlines())

    def _until_shown(
        self, command: str, shown: Sequence[str], here: Normaliser, patience: float
    ) -> tuple[str, ...]:
        end = time.monotonic() + (patience if command.startswith("kubectl get ") else 0)
        while True:
            printed = self.type(command)
            if here.fork().lines(printed) == shown or time.monotonic() > end:
                return printed
            time.sleep(0.2)


def _difference(act: Command, shown: Sequence[str], printed: Sequence[str]) -> list[str]:
    told = list(difflib.unified_diff(shown, printed, "the page", "the terminal", lineterm="", n=0))
    return [f"line {act.line}: $ {act.command}", *told] if told else []
