"""Train, evaluate and infer in Sedna's incremental learning job.

Each worker is a program, ``python -m workers train|eval|infer``, that reads its settings from
the environment, does its work through `workers.sedna.incremental.IncrementalLearning` and tells the
LocalController how it ended.
"""
