"""What the demo looks like: rich where there is a terminal, plain lines where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

T = TypeVar("T")
JsonObject = dict[str, Any]


class Screen:
    """A console that knows what the time is: of the demo, and of the step it is in."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the demo began."""
        return time.monotonic() - self._began

    def act(self, number: int, title: str, about: str) -> None:
        """Begin a new act."""
        self.console.print()
        self.console.rule(
            f"[bold]{number}. {escape(title)}[/bold]  [dim]{self.elapsed:.0f} s[/dim]", align="left"
        )
        self.console.print(f"[dim]{escape(about)}[/dim]")

    def command(self, line: str) -> None:
        """Show a command that is run now and can be run again."""
        self.console.print(f"  [cyan]$ {escape(line)}[/cyan]", soft_wrap=True)  # to be copied

    def say(self, text: str) -> None:
        """Tell something."""
        self.console.print(f"  {escape(text)}")

    def good(self, text: str) -> None:
        """Tell something that was checked."""
        self.console.print(f"  [green]✓[/green] {escape(text)}")

    def bad(self, text: str, story: str) -> None:
        """Tell what went wrong and what is seen."""
        self.console.print()
        self.console.print(Panel(escape(text), title="the demo stopped", border_style="red"))
        self.console.print(escape(story), soft_wrap=True)

    @contextmanager
    def doing(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show that something goes on; the caller may say what; ends with how long it took."""
        began = time.monotonic()
        told = [""]
        with self.console.status(escape(text)) as status:

            def tell(news: str) -> None:
                if news and news != told[0]:
                    told[0] = news
                    status.update(f"{escape(text)}: {escape(news)}")
                    self.console.print(f"    [dim]{time.monotonic() - began:5.1f} s  {escape(news)}[/dim]")

            yield tell
        self.good(f"{text} [{time.monotonic() - began:.1f} s]")

    def plan(self, group: Mapping[str, Any]) -> None:
        """Show one plan group: what will be done, and which of it destroys something."""
        destroys = group.get("destroys") or []
        steps = " → ".join(
            f"[red]{escape(step)}[/red]" if step in destroys else escape(step) for step in group["steps"]
        )
        rows = [
            f"plan      [bold]{group['hash']}[/bold], {group['runs']} run(s) from {group['from']['version']}",
            f"strategy  {group.get('strategy') or 'none needed: the state is kept'}, level {group['level']}",
            f"steps     {steps}",
            f"changes   {escape('; '.join(group.get('diff') or []))}",
            f"destroys  [red]{escape('; '.join(destroys))}[/red]" if destroys else "destroys  nothing",
        ]
        if group.get("pointOfNoReturn"):
            rows.append(f"no return after {escape(group['pointOfNoReturn'])}")
        rows += [f"note      {escape(note)}" for note in group.get("notes") or []]
        self.console.print(Panel("\n".join(rows), title="the plan", title_align="left", expand=False))

    def report(self, attempt: Mapping[str, Any]) -> None:
        """Show how an attempt ended for each run, with what was lost."""
        status = attempt["status"]
        table = Table(
            title=f"{attempt['metadata']['name']}: {status['from']} → {status['to']}", title_justify="left"
        )
        for column in ("run", "outcome", "approved by", "loss"):
            table.add_column(column)
        for run in sorted(status["runs"], key=lambda entry: str(entry["name"])):
            table.add_row(
                run["name"], run["outcome"], run.get("approver", ""), escape(_loss(run.get("loss") or {}))
            )
        self.console.print(table)


_LOSSES = (
    ("resultsReverted", "{} results taken back"),
    ("resultsNotRevertible", "{} notifications that cannot be taken back"),
    ("resultsKept", "{} results kept"),
    ("openOutputs", "{} incidents open at the stop"),
    ("notificationsSuppressedUntil", "nobody notified about anything before {}"),
)


def _loss(loss: Mapping[str, Any]) -> str:
    """Say in words what an upgrade cost a run."""
    told = [text.format(loss[field]) for field, text in _LOSSES if loss.get(field) is not None]
    return "\n".join(told) or "nothing"
