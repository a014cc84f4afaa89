//! The connector against the simulated service: real sockets, real protocol, real client.

mod ends;
mod lifecycle;
mod pairing;
mod rig;
