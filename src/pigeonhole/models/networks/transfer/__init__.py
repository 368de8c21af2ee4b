"""Networks of timm: found by name, given weights from a local file, and put inside one of ours."""
