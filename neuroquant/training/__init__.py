"""Training: objective, batches from shards, schedule, checkpoints and the loop."""
