"""The application of the cluster that the golden vectors were captured from."""

from counter_app.messages import *  # noqa: F403  # `counter_app.GetCount` is a short name
