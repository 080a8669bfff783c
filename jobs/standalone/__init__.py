"""Runs an IncrementalLearningJob on one machine: GlobalManager and LocalController in one.

- ``runner`` holds it all together, and refuses what ``limits`` names.
- ``controller`` takes the job from condition to condition. The steps of the stages are in
  ``training``, ``evaluation`` and ``deployment``, what they share in ``stages``; ``journal``
  writes each step down, in the words of ``conditions``.
- ``state`` is on disk. The steps wait until it changes: because the index grew (``index``),
  a worker reported (``server``) or a process ended (``processes``).
- ``supervisor`` restarts workers as the kubelet does, ``workers`` says what they are given,
  ``paths`` maps the node's paths to this machine's.
"""
