//! What is recorded of requests: metrics, access log, last use.
