"""What a result is worth: metrics now, and the tests of luck and leakage beside them."""
