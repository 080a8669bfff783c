"""MobileNetV2: Sandler et al., "Inverted Residuals and Linear Bottlenecks", CVPR 2018."""
