"""The core mathematics in few programs: many methods of one score at once, beside literal twins, in double precision.

Most of the time of a small test goes to the compiler. What has longer tests elsewhere is checked here once more, in one
program for each family, so that `pytest -m core` ends within a minute.
"""
