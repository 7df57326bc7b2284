"""What the system tests share: a workspace that owns processes, the tracer under test, servers, clients, the comparer."""
