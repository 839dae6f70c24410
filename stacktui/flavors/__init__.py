"""The concrete implementations, one folder a provider. `manifest` lists them without importing any."""
