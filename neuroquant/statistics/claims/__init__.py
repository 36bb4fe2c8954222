"""The paper's numbers and statements, and what this run says about them."""
