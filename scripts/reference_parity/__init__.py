"""The reference implementation of CUT beside this one: same weights, same pictures, same draws."""
