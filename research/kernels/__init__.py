"""Numba kernels: arrays in, arrays out, nothing else.

Window kernels read a finite trailing window and keep no state; recursive kernels take
and carry an explicit state array. `jit` holds the one compilation policy.
"""
