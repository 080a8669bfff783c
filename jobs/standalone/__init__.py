"""Runs an IncrementalLearningJob on one machine: GlobalManager and LocalController in one.

``controller`` is the state machine of a round. It waits on ``state``, which is on disk and
changes when the index grows (``dataset``), a worker reports (``server``) or a worker's process
ends (``processes``). ``workers`` says what a worker is given, ``deployment`` puts a model where
the inference worker finds it, ``paths`` maps the node's paths to this machine's, and
``runner`` holds it all together.
"""
