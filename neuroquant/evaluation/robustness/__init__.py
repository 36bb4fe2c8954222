"""How well models reconstruct scans that are spoiled as real ones are."""
