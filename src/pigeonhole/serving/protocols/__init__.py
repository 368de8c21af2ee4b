"""One file a protocol: a body's bytes → the pixels of N images, and their probabilities → an answer's bytes.

Plain functions without a queue, a log or a connection; what is the same in all of them stands in `decoded` and `rows`.
"""
