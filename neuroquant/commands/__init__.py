"""The commands, a module each: `add_parser(subparsers)` adds its options, `run(arguments)` gives the exit status.

A command's name is that of its module, with `-` for `_`. What a command works with is imported by `run`, so that
`neuroquant --help` starts without it.
"""
