"""Storage of arrays: allocation, reuse, layout, stores that are not needed.

In and out: functions with the same results and less memory traffic.
Start with `hoist_allocations` and `store_forwarding`.
"""
