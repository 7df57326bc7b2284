"""One module per theme; every function under @case is one ctest."""
