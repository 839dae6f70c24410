"""The rules over components and stacks, each with a code; the probes of live components."""
