"""The application of the cluster that the golden vectors were captured from."""
