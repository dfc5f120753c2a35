"""The cluster node of the real-cluster suite: entities, a service, samples, and their checks."""
