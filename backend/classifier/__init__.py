"""Classifiers of images with one interface, on TinyMS and on MindSpore alone."""

from backend.classifier.estimator import Classifier, Prediction
from backend.classifier.federated import FederatedClassifier
from backend.classifier.mindspore import MindSporeClassifier
from backend.classifier.tinyms import TinyMSClassifier

__all__ = [
    "Classifier",
    "FederatedClassifier",
    "MindSporeClassifier",
    "Prediction",
    "TinyMSClassifier",
]
