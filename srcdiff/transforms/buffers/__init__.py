"""Buffer optimisation: allocation, reuse and layout of arrays, and removal of unneeded stores.

In and out: functions with the same results and less memory traffic.
Start with `hoist_allocations` and `store_forwarding`.
"""
