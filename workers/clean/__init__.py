"""Removes the pods of train and eval workers that have ended.

Nobody else does: Sedna makes bare pods, to which no time to live applies, and with some of them
about its GlobalManager takes long to find the inference worker.
"""
