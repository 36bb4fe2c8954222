"""What makes the results ready to be handed on: provenance, RO-Crate, checklist, the finished HTML file."""
