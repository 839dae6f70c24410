"""Steps, pipelines, plans and runs: from a decorated function to artifacts in a store."""
