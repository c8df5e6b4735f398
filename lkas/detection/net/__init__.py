"""The patch network: weights made by `training/` from drawn patches only, and what runs them."""
