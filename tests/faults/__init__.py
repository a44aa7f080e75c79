"""Every step of a session × every fault × every command × every TLS mode, judged by the law of the matrix.

    python -m tests.faults --cells 3000 --seed 7

runs as many cells as it is told and prints those that are wrong. CI runs a sample: ``test_faults.py``.
"""
