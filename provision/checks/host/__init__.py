"""One file for each fact of a host that stands by itself: how it is asked, shown and judged.

`check` has what they are made of, and finds them: a file in here with a `CHECK` is all that it takes.
"""
