"""Who works when: the queue, leases, the shift on a connection, schedules."""
