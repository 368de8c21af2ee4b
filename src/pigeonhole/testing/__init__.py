"""Contract suites shipped with the package, for those who add a source, a preset or a server."""
