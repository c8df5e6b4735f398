"""The registered detection methods: the one place where a new method is named.

A class is called with (parameters, camera, stages) and returns a LaneDetector (types.py). It is imported when used.
"""

REGISTRY = {  # method -> module:class in lkas.detection.methods
    "cv": "cv:CvDetector",
    "hybrid": "hybrid:HybridDetector",
    "hough": "hough:HoughDetector",
    "onnx": "onnx:OnnxDetector",
}
METHODS = tuple(REGISTRY)
