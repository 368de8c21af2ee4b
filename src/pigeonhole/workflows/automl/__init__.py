"""A search as one person asks for it: its data, the jobs that fit, join and report, how it ends. Decides nothing.

What is tried next, and what a budget allows, is `pigeonhole.automl`'s. `request` is where it begins, `search` puts it
together.
"""
