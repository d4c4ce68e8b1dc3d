"""The program that copies the tree of one state volume into another: `python -m scenario_operator.copier`.

It runs as a pod of its own, knows two directories and nothing of Kubernetes, and needs the standard library only. What
makes a copy true is the second pass: it reads both sides again and ends the copy only if it finds no difference. What
the first pass took for done, also that before an interruption, is judged there once more.
"""
