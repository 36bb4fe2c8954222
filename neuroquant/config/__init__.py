"""The typed configuration: one source for the schema, the defaults and the commented YAML files."""
