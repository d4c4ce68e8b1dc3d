"""Why a scenario's program refuses to go on.

    ScenarioError                base; `str()` is what the report says under `error`
    ├── ContextError             what the operator gave cannot be understood
    ├── StateRefusedError        the stored state is another run's, or of a format not read here
    ├── StateUnreadableError     the stored state is damaged; never treated as "no state"
    └── ResultsRefusedError      the results do not fit the state, or were reverted

All of them are final for this container: starting again changes nothing until a person or the operator
does.
"""


class ScenarioError(Exception):
    """A condition that the author's program must not paper over."""

    def __str__(self) -> str:
        return f"{type(self).__name__}: {super().__str__()}"


class ContextError(ScenarioError):
    """The run context is missing, malformed or contradicts the program."""


class StateRefusedError(ScenarioError):
    """The stored state is sound but not for this program."""


class StateUnreadableError(ScenarioError):
    """The stored state exists and cannot be read."""


class ResultsRefusedError(ScenarioError):
    """Results are shorter than the state says, were reverted, or are not declared at all."""
