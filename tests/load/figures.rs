//! One module for each thing that is measured.

pub mod commits;
pub mod console;
pub mod first_qr;
pub mod fleet;
pub mod held;
pub mod intake;
pub mod memory;
pub mod restart;
pub mod size;
pub mod startup;
pub mod strangers;
