//! Socket.IO namespace `/marketplace`.
