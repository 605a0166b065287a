//! Why a request was cut off after its answer had begun, or together with its connection; and why a connection
//! is not served at all.

/// One word for it, in metrics and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cut {
    /// The client takes nothing of the answer, or less than it has to.
    ClientStalled,
    /// Nothing has passed for too long after the answer's head, and it is not the client that is waited for.
    StreamIdle,
    /// The connection did too much that is no request.
    Flood,
}

impl Cut {
    pub const ALL: [Cut; 3] = [Cut::ClientStalled, Cut::StreamIdle, Cut::Flood];

    pub const fn label(self) -> &'static str {
        match self {
            Cut::ClientStalled => "client_stalled",
            Cut::StreamIdle => "stream_idle",
            Cut::Flood => "flood",
        }
    }
}

/// Why a connection ended before there was a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Refused {
    /// Its address has as many as it may.
    Address,
    /// Handshake, PROXY header or preface took too long.
    Timeout,
    /// Others wanted to begin a handshake, and this one was the oldest.
    Crowded,
}

impl Refused {
    pub const ALL: [Refused; 3] = [Refused::Address, Refused::Timeout, Refused::Crowded];

    pub const fn label(self) -> &'static str {
        match self {
            Refused::Address => "address_limit",
            Refused::Timeout => "handshake_timeout",
            Refused::Crowded => "handshake_crowded",
        }
    }
}
