"""The detection methods, one file and one class each; lkas.detection.registry names them."""
