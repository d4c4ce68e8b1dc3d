"""The hooks of the artifact. None of them needs anything but what the contract gives."""

from dataclasses import replace

from scenario_runtime import Answer, ContextError, HookContext, OutputClass, done, failed, revert_results

from .detector import Detector
from .events import read_events
from .logic import Logic
from .service import EVENTS, INCIDENTS, NOTIFICATIONS
from .settings import Settings

CLASSES = {
    INCIDENTS: OutputClass.REVERSIBLE,
    NOTIFICATIONS: OutputClass.IRREVERSIBLE,
    EVENTS: OutputClass.RETAINED,
}


def validate(_context: HookContext, logic: Logic) -> Answer:
    """Is the artifact whole? The packaged input is read, and state survives being written and read back."""
    return _self_test(logic, Settings())


def preflight(context: HookContext, logic: Logic) -> Answer:
    """Could this version run this run? Its parameters, its window and the declared format are understood."""
    declared = context.run.state_version
    if declared and declared != logic.state_version:
        raise ContextError(f"state {declared!r} is declared, {logic.name} writes {logic.state_version!r}")
    settings = Settings.of(context.run)
    events = read_events(settings.input)
    taken = sum(context.run.window.takes(event.at) for event in events)
    return done(f"{taken} of {len(events)} events lie in the window")


def verify(context: HookContext, logic: Logic) -> Answer:
    """Does this version work with these parameters? Without volumes.

    The same self-test as a run would live it.
    """
    return _self_test(logic, Settings.of(context.run))


def revert(context: HookContext, _logic: Logic) -> Answer:
    """Take back the incidents of the incarnation that SCENARIO_RUN_ID names; account for the rest."""
    if not context.run.run_id:
        raise ContextError("no run ID: which incarnation is to be reverted?")
    account = revert_results(context.places.results, context.run.run_id, CLASSES)
    message = f"{context.run.run_id}: {account.reverted} incident records taken back"
    return done(message, **account.facts())


HOOKS = {"validate": validate, "preflight": preflight, "verify": verify, "revert": revert}


def _self_test(logic: Logic, settings: Settings) -> Answer:
    detector = Detector(replace(settings, threshold=min(settings.threshold, 5)))
    transitions = 0
    for event in read_events(settings.input):
        transitions += len(detector.advance(event.at))
        if logic.counts(event):
            transitions += detector.observe(logic.region(event), event.at, event.magnitude) is not None
    if logic.load(logic.dump(detector.regions)) != detector.regions:
        return failed(f"{logic.name}: state {logic.state_version} does not survive being written and read")
    if transitions == 0:
        return failed(f"{logic.name} finds nothing in {settings.input.name}")
    return done(f"{logic.name}: {transitions} transitions in {settings.input.name}")
