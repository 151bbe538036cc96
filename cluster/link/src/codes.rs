//! The error codes of this crate, each with what `nexus explain` says of it.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub(crate) const $name: &str = $code;)+

        /// Every code of [`crate::LinkError`] with its explanation.
        pub const EXPLANATIONS: &[(&str, &str)] = &[$(($code, concat!($($doc, "\n"),+))),+];
    };
}

codes! {
    /// The text is not an address that can be dialled from here: a name that is not known, a missing port, or another
    /// machine's address while this end listens on loopback only. Write it like `192.168.1.7:4747`.
    ADDRESS = "NX0201";
    /// The node cannot open its UDP port: another program has it, or the machine does not have that address.
    BIND = "NX0202";
    /// Nothing answered at the address. Either no node runs there, or the address is wrong, or a firewall drops UDP on
    /// the way. Nothing was sent but the first packets of a handshake.
    NO_ANSWER = "NX0203";
    /// Something answered, but its certificate was not issued by this cluster's authority: another cluster's node, a
    /// token of another cluster, or no node at all. It was told nothing.
    STRANGER_NODE = "NX0204";
    /// The node looked at our certificate and its cluster did not issue it. The data directory belongs to another
    /// cluster than the address; to become a member of that one, join it with a token.
    STRANGER_SELF = "NX0205";
    /// A node of the cluster answered, but not the one that should be there. Its address may have moved.
    WRONG_NODE = "NX0206";
    /// A certificate is past its end or before its beginning, for the clock that looked at it. Usually one of the two
    /// clocks is wrong.
    CLOCK = "NX0207";
    /// The two programs speak protocol versions that are too far apart. Neighbouring versions work together, so that a
    /// cluster can be upgraded node by node; skip none.
    VERSION = "NX0208";
    /// The node knows who asks and refuses the connection; its reason is in the message.
    REFUSED = "NX0209";
    /// The node has as many connections or requests as it takes. Nothing was done; ask again in a moment.
    BUSY = "NX0210";
    /// The request was sent, and no answer came in time. Whether it was carried out is unknown.
    DEADLINE = "NX0211";
    /// The connection ended while something was under way. Whether it was carried out is unknown.
    LOST = "NX0212";
    /// The node could not read the message, or does not allow it from this end. Nothing was done.
    FAULT = "NX0213";
    /// Bytes that came, or should have been sent, are not a frame of the protocol: too long, damaged, or of something
    /// else.
    FRAME = "NX0214";
    /// This end is stopping and begins nothing new.
    CLOSED = "NX0215";
    /// The text is not a join token as `nexus token create` prints it: a part is missing or a character is wrong.
    TOKEN = "NX0216";
    /// A certificate, a key or a signing request cannot be read, or the key and the certificate do not belong together.
    CERTIFICATE = "NX0217";
    /// The name cannot be written into a certificate. Names have 1 to 63 of the characters a-z, A-Z, 0-9, `.`, `_`, `-`.
    NAME = "NX0218";
    /// A file with a key or a certificate cannot be read or written.
    FILE = "NX0219";
    /// The cryptographic library failed, or the system has no random numbers.
    CRYPTO = "NX0220";
    /// A message began to arrive and did not end in time: the network is very slow, or the other end hangs.
    SLOW = "NX0221";
    /// Nodes cannot be looked for on the local network: the system gives no socket for multicast DNS (UDP port 5353). Give
    /// the address of a node instead.
    DISCOVERY = "NX0222";
}
