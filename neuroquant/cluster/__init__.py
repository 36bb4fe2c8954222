"""Before a run on SLURM: what it would ask of the scheduler, what it would cost, and what can't work at this site."""
