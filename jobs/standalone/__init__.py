"""Runs an IncrementalLearningJob on one machine: GlobalManager and LocalController in one.

- ``runner`` connects everything, and refuses the jobs that ``limits`` excludes.
- ``controller`` takes the job from condition to condition. The steps of the stages are in
  ``training``, ``evaluation`` and ``deployment``, their common parts in ``stages``; ``journal``
  records each step, in the form given by ``conditions``.
- ``state`` is on disk. The steps wait for it to change: because the index grew (``index``),
  a worker reported (``server``) or a process ended (``processes``).
- ``supervisor`` restarts workers as the kubelet does, ``workers`` defines their environment,
  ``paths`` maps the node's paths to this machine's.
"""
