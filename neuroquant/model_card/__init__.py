"""The model card: what a model is, what it was trained on, what it scores and what it isn't for, in a README.md."""
