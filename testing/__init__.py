"""What the tests, the benchmarks and others use in place of AWS, Marketo and callers: small real implementations."""
