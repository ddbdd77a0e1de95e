"""Measurements of codes, samples and reconstructions: tensors or arrays in, tidy rows out.

A row is a plain dict, so that `pandas.DataFrame(rows)` is the table. A number that can't be given
is NaN and the row's `note` says why; senseless input raises a ValueError before any work.
"""
