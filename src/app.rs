//! The composition root: configuration in, a running gateway out.
