"""The zoo: links of the tracer held against the truth (docs/zoo.md)."""
