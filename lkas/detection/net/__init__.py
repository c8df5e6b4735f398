"""Neural networks: the patch network of `hybrid` (trained by `training/`), third-party networks, runtimes."""
