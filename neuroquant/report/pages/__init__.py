"""The HTML pages of the report, one module each."""
