"""A registry of faults: what is injected into a lab, and what provision says and does then. docs/faults.md is made of
it, and the tests go through it."""
