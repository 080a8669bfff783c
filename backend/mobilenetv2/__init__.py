"""MobileNetV2 classifiers with one interface, on TinyMS and on MindSpore alone."""

from backend.mobilenetv2.estimator import MobileNetV2Estimator, Prediction
from backend.mobilenetv2.mindspore import MindSporeMobileNetV2
from backend.mobilenetv2.tinyms import TinyMSMobileNetV2

__all__ = ["MindSporeMobileNetV2", "MobileNetV2Estimator", "Prediction", "TinyMSMobileNetV2"]
