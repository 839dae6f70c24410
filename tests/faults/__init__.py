"""Faults put in from outside: processes killed, writes that fail, disks that are full. Run by `make test-long`."""
