"""Removes the pods of train and eval workers that have ended.

Nothing else does: Sedna creates bare pods, which have no time to live, and when many of them have
accumulated, its GlobalManager takes long to find the inference worker.
"""
