"""Tables 1 and 2 in the paper's layout, as Markdown, HTML and LaTeX, from the tidy table alone."""
