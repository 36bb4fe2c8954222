"""From scans to volumes ready to train: orientation, brain box, padding, intensity, and the shard store."""
