//! HTTP: the route table and its layers.
