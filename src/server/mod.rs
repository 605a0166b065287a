//! Listeners and connections; no gateway word in here.
