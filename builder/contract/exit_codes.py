"""How a step's container ends, by its exit code."""

DONE = 0
# The step failed and would fail again.
FAILED = 1
# EX_TEMPFAIL of sysexits.h, "temporary failure; the user is invited to retry": the network or a server failed.
TRY_AGAIN = 75
# Of `timeout`, which limits every step's time, and of shells; 128 + n means "ended by signal n".
TIMED_OUT = 124
NOT_EXECUTABLE = 126
NOT_FOUND = 127
KILLED = 137
TERMINATED = 143
