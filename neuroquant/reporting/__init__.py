"""Tables, figures and the front page: made of tables of numbers and images, and of nothing else."""
