//! The connector against the simulated service: real sockets, real protocol, real client.

mod account;
mod ends;
mod lifecycle;
mod pairing;
mod passkeys;
mod rig;
