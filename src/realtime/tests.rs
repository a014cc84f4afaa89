//! Over real sockets, frame by frame: what any Socket.IO client relies on.
