"""MobileNetV2 classifiers with one interface, on TinyMS and on MindSpore alone."""

from backend.classifier.estimator import MobileNetV2Estimator, Prediction
from backend.classifier.mindspore import MindSporeMobileNetV2
from backend.classifier.tinyms import TinyMSMobileNetV2

__all__ = ["MindSporeMobileNetV2", "MobileNetV2Estimator", "Prediction", "TinyMSMobileNetV2"]
