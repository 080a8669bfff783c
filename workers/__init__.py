"""Train, evaluate and infer in Sedna's incremental learning job.

Each worker is a program, ``python -m workers train|eval|infer``. The frame around its process
(`workers.sedna.process`) builds a `workers.sedna.session.Session` from the environment; the
worker reads its settings, does its work and reports to the LocalController through it.
"""
