"""What comes after an `up`: the question from here, what is kept of it, and the way back."""

from __future__ import annotations
