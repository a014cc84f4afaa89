//! Who may come in: the client's address behind trusted proxies, and rate limits. Shared by `http` and `realtime`.
