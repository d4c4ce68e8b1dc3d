"""The simulated kubelet of bed `sim`: one ready node whose pods behave as a test asks.

kwok was tried first: it deletes a terminating pod by name only, so that a StatefulSet's successor of the
same name is deleted as well, without end. Here every write and delete carries the pod's uid, and the order
is a real kubelet's: final status first, then the delete with grace period 0, which finalizers hold back.

One task a pod, woken by watch events and by its containers' next deadline; it writes the status only when
it changed, so a thousand resting pods cost nothing.
"""
