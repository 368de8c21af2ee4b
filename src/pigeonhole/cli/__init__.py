"""The command line: parse, call one workflow, print. Holds no logic."""
