"""The tests of the package: python3 -m unittest."""
