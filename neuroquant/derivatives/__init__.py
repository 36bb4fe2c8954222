"""BIDS derivatives: what a model made of scans, as other tools read it."""
