"""Authors' weights: found, checked and fetched (without torch), and put into a network."""
