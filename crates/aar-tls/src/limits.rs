use std::time::Duration;

/// Limits of a listener. A peer is unknown until the server that owns the listener
/// [admits](crate::Slot::admit) it; most peers are known as soon as their handshake is complete.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest duration of a handshake.
    pub handshake_timeout: Duration,
    /// Connections of unknown peers, those in their handshake included. A new one takes the place of the
    /// oldest.
    pub unknown_peers: usize,
    /// Connections of unknown peers from one address. Known peers have no such limit, because many may
    /// share the address of a gateway.
    pub unknown_peers_per_address: usize,
    /// Connections of known peers; further ones are closed.
    pub known_peers: usize,
    /// Whether peers may use TLS 1.2, besides TLS 1.3.
    pub allow_tls12: bool,
}

impl Limits {
    /// The longest duration of a handshake.
    pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
    /// The most connections of unknown peers. Each costs some 30 KiB.
    pub const UNKNOWN_PEERS: usize = 512;
    /// The share of one address in the connections of unknown peers: one in four.
    pub const ADDRESS_SHARE: usize = 4;
    /// The most files that are kept back for everything that is no connection: the database, images, the
    /// storage, and the control socket.
    pub const RESERVED_FILES: usize = 1024;

    /// The most bytes of the certificates that a client shows. They stay in memory as long as its connection.
    pub const CERTIFICATE_BYTES: usize = 16 * 1024;
    /// Bytes that the TLS layer buffers for an unknown peer that reads slowly.
    pub const UNKNOWN_WRITE_BUFFER: usize = 4 * 1024;

    /// Divides the files that the process may open: a quarter for unknown peers and a quarter for what is
    /// no connection, each up to its maximum, and the rest for known peers.
    #[must_use]
    pub fn for_open_files(files: usize) -> Self {
        let quarter = files / 4;
        let unknown_peers = quarter.clamp(1, Self::UNKNOWN_PEERS);
        let reserved = quarter.min(Self::RESERVED_FILES);
        Self {
            handshake_timeout: Self::HANDSHAKE_TIMEOUT,
            unknown_peers,
            unknown_peers_per_address: (unknown_peers / Self::ADDRESS_SHARE).max(1),
            known_peers: files.saturating_sub(unknown_peers + reserved).max(1),
            allow_tls12: false,
        }
    }
}

impl Default for Limits {
    /// The limits of a process that may open any number of files.
    fn default() -> Self {
        Self::for_open_files(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_divided_between_known_and_unknown_peers_and_the_rest() {
        for (files, unknown, of_address, known) in [
            (64, 16, 4, 32),
            (1024, 256, 64, 512),
            (4096, 512, 128, 2560),
        ] {
            let limits = Limits::for_open_files(files);
            assert_eq!(limits.unknown_peers, unknown, "{files}");
            assert_eq!(limits.unknown_peers_per_address, of_address, "{files}");
            assert_eq!(limits.known_peers, known, "{files}");
        }
    }
}
