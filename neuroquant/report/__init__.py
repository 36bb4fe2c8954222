"""Tables, figures, pages and the packaged report: draws what statistics computed, and computes no number."""
