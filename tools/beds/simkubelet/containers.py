"""The life of a container, and what it knows of its pod."""

from __future__ import annotations

import time

from beds import behaviour
from beds.simkubelet.objects import NEVER, Host, Json, stamp


class Sandbox:
    """A pod as its containers see it."""

    def __init__(self, host: Host, pod: Json) -> None:
        self.host = host
        self.object = pod
        self.uid = str(pod["metadata"]["uid"])


class Container:
    """One container's life: waiting → running → terminated, and again if the pod restarts it."""

    def __init__(self, pod: Sandbox, spec: Json) -> None:
        self.pod = pod
        self.spec = spec
        self.state: Json = {"waiting": {"reason": "ContainerCreating"}}
        self.last: Json = {}
        self.restarts = 0
        self.began = 0.0
        self.started = self.ready = False
        self.due = 0.0  # when the next thing happens to it by itself

    @property
    def behaviour(self) -> behaviour.Behaviour:
        return behaviour.of(self.pod.object, self.spec)

    @property
    def phase(self) -> str:
        return next(iter(self.state))

    @property
    def code(self) -> int:
        return int(self.state["terminated"]["exitCode"])

    def resume(self, status: Json) -> None:
        """Take over from an earlier life of the simulated kubelet."""
        self.state, self.last = status["state"], status.get("lastState", {})
        self.restarts = status["restartCount"]
        self.started, self.ready = bool(status.get("started")), status["ready"]
        if self.last or self.phase != "waiting":
            self.began = time.monotonic()

    def status(self) -> Json:
        image = self.spec["image"]
        pulled = self.began or self.phase == "terminated"
        shown: Json = {
            "name": self.spec["name"],
            "image": image,
            "imageID": self.pod.host.images.identity(image) if pulled else "",
            "state": self.state,
            "lastState": self.last,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
        }
        if pulled:
            shown["containerID"] = f"sim://{self.pod.uid}/{self.spec['name']}/{self.restarts}"
        return shown

    def advance(self, now: float) -> None:
        """Do everything that is due, and set when to look again."""
        self.due = NEVER
        if self.phase == "waiting":
            self._try_to_run(now)
        if self.phase == "running":
            self._live(now)

    def _try_to_run(self, now: float) -> None:
        image = self.spec["image"]
        if self.spec.get("imagePullPolicy") == "Never" and not self.pod.host.images.is_on_the_node(image):
            self.due = NEVER
            text = f'Container image "{image}" is not present with pull policy of Never'
            self.state = {"waiting": {"reason": "ErrImageNeverPull", "message": text}}
            return
        if not self.pod.host.images.pullable(image):
            backing_off = self.state["waiting"]["reason"] in ("ErrImagePull", "ImagePullBackOff")
            reason = "ImagePullBackOff" if backing_off else "ErrImagePull"
            self.due = NEVER if backing_off else now + 0.2
            text = f'Back-off pulling image "{image}"' if backing_off else f"{image}: not found"
            self.state = {"waiting": {"reason": reason, "message": text}}
            return
        if self.last and now < self.began + self.behaviour.backoff:
            self.due = self.began + self.behaviour.backoff
            return
        if self.behaviour.startError:
            self.began = now
            self._end(128, "StartError", f"exec: {self.spec['command'][0]!r}: no such file or directory")
            return
        self.began = now
        self.state = {"running": {"startedAt": stamp()}}

    def _live(self, now: float) -> None:
        does = self.behaviour
        crashes = does.crashTimes is None or self.restarts < does.crashTimes
        if does.crashAfter is not None and crashes and self._reached(now, does.crashAfter):
            self._end(does.crashCode, "Error", does.message or "")
        elif does.runFor is not None and self._reached(now, does.runFor):
            self.finish(does.exit)
        else:
            self.started = not does.neverStart and self._reached(now, does.startAfter)
            ready_after = max(does.startAfter, does.readyAfter)
            self.ready = self.started and not does.neverReady and self._reached(now, ready_after)

    def _reached(self, now: float, after: float) -> bool:
        moment = self.began + after
        if now < moment:
            self.due = min(self.due, moment)
        return now >= moment

    def finish(self, code: int) -> None:
        """End by itself or because it was asked to, with its report."""
        environment = behaviour.environment(self.pod.object, self.spec)
        text = self.behaviour.last_words(stamp(fraction=True), environment)
        self._end(code, "Error" if code else "Completed", text)

    def _end(self, code: int, reason: str, message: str) -> None:
        started = self.state.get("running", {}).get("startedAt", "1970-01-01T00:00:00Z")
        ended: Json = {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": stamp()}
        if message:
            ended["message"] = message
        self.state = {"terminated": ended}
        self.started = self.ready = False

    def restart_if_due(self, now: float) -> None:
        """restartPolicy: a container that ended goes back to waiting, with back-off."""
        policy = self.pod.object["spec"].get("restartPolicy", "Always")
        if self.phase != "terminated" or policy == "Never" or (policy == "OnFailure" and self.code == 0):
            return
        self.last, self.restarts, self.began = self.state, self.restarts + 1, now
        self.state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting container"}}
        self.due = now + self.behaviour.backoff

    def stop(self, now: float, asked: float, grace: float) -> None:
        """SIGTERM came at `asked`; SIGKILL follows after the grace period."""
        if self.phase == "waiting":
            self._end(137, "ContainerStatusUnknown", "never started")
        if self.phase != "running":
            return
        obeys = NEVER if self.behaviour.ignoreTerm else asked + self.behaviour.stopAfter
        if now >= obeys and obeys <= asked + grace:
            self.finish(self.behaviour.exit)
        elif now >= asked + grace:
            self._end(137, "Error", "")
        else:
            self.due = min(self.due, obeys, asked + grace)
